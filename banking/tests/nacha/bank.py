"""The bank's side: files of returns and notices, put together from what was sent to it.

Lines are made by their positions, as the published layouts have them; nothing here is shared with
the code that reads them.
"""

RETURN_CODES = {"27": "26", "37": "36", "22": "21", "32": "31"}
FROM_BANK = "021000021"


def addenda(entry, code, *, trace, type_="99", rdfi=None, information=""):
    """The addenda record of a return (99) or a notification of change (98)."""
    death_or_reserved = " " * 6
    bank = entry["rdfi"] if rdfi is None else rdfi
    line = f"7{type_}{code}{entry['trace']}{death_or_reserved}{bank:8}{information:44}{trace}"
    assert len(line) == 94, len(line)
    return line


def returned(entry, code, *, number=1, cents=None, original=None, type_="99", **changes):
    """Two lines: the entry as it comes back, and its addenda."""
    amount = int(entry["amount"]) if cents is None else cents
    trace = f"{entry['rdfi']}{number:07d}"
    back = RETURN_CODES[entry["code"]]
    first = (
        f"6{back}{FROM_BANK}{entry['account']}{amount:010d}{entry['identification']}"
        f"{entry['name']}  1{trace}"
    )
    assert len(first) == 94, len(first)
    named = {**entry, "trace": original or entry["trace"]}
    return [first, addenda(named, code, trace=trace, type_=type_, **changes)]


def file(*pairs, entry_class="WEB"):
    """A file of one batch with these pairs of lines, as bytes; without any, of no batch."""
    lines = [
        "1011234567890 0210000212603031030A094101"
        f"{'BROKERPRO INC':23}{'FIRST EXAMPLE BANK':23}{'':8}"
    ]
    debit = sum(int(first[29:39]) for first, _ in pairs if first[2] == "6")
    credit = sum(int(first[29:39]) for first, _ in pairs if first[2] == "1")
    count, banks = 2 * len(pairs), sum(int(first[3:11]) for first, _ in pairs)
    sums = f"{banks % 10**10:010d}{debit:012d}{credit:012d}"
    if pairs:
        lines.append(
            f"5200{'BROKERPRO':16}{'':20}1234567890{entry_class}{'DEPOSIT':10}{'':6}260303062"
            f"1021000020000001"
        )
        lines += [line for pair in pairs for line in pair]
        lines.append(f"8200{count:06d}{sums}1234567890{'':25}021000020000001")
    total = len(lines) + 1
    blocks = -(-total // 10)
    lines.append(f"9{1 if pairs else 0:06d}{blocks:06d}{count:08d}{sums}{'':39}")
    lines += ["9" * 94] * (blocks * 10 - total)
    return "".join(f"{line}\n" for line in lines).encode()
