"""A reader of ACH files by itself: it shares nothing with the code that writes them.

Positions are counted from 1, as the Nacha Operating Rules, Appendix Three, and banks' guides print
them. It checks what any file must fulfil, and gives its records as dictionaries.
"""

HEADER = "priority 2-3 destination 4-13 origin 14-23 date 24-29 time 30-33 modifier 34 size 35-37 "
HEADER += "blocking 38-39 format 40 destination_name 41-63 origin_name 64-86 reference 87-94"
BATCH = "service 2-4 company 5-20 data 21-40 company_id 41-50 class 51-53 description 54-63 "
BATCH += "descriptive_date 64-69 effective 70-75 settlement 76-78 status 79 odfi 80-87 number 88-94"
ENTRY = "code 2-3 rdfi 4-11 check 12 account 13-29 amount 30-39 identification 40-54 name 55-76 "
ENTRY += "discretionary 77-78 addenda 79 trace 80-94"
CONTROL = "service 2-4 count 5-10 hash 11-20 debit 21-32 credit 33-44 company_id 45-54 mac 55-73 "
CONTROL += "reserved 74-79 odfi 80-87 number 88-94"
FILE_CONTROL = "batches 2-7 blocks 8-13 count 14-21 hash 22-31 debit 32-43 credit 44-55 rest 56-94"
LAYOUTS = {"1": HEADER, "5": BATCH, "6": ENTRY, "8": CONTROL, "9": FILE_CONTROL}
CREDITS, DEBITS = {"22", "32"}, {"27", "37"}


def record(line):
    """The fields of one line, by name."""
    words = LAYOUTS[line[0]].split()
    fields = {"type": line[0]}
    for name, positions in zip(words[::2], words[1::2], strict=True):
        first, _, last = positions.partition("-")
        fields[name] = line[int(first) - 1 : int(last or first)]
    return fields


def read(text):
    """Header, batches as (header, entries), and control of a file; asserts that it is valid."""
    assert text.isascii()
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    assert {len(line) for line in lines} == {94}
    assert len(lines) % 10 == 0
    end = max(number for number, line in enumerate(lines) if line != "9" * 94)
    assert len(lines) - end - 1 < 10
    header, *middle, control = [record(line) for line in lines[: end + 1]]
    assert (header["type"], control["type"]) == ("1", "9")
    assert (header["size"], header["blocking"], header["format"]) == ("094", "10", "1")
    batches, at = [], 0
    while at < len(middle):
        close = next(n for n in range(at, len(middle)) if middle[n]["type"] == "8")
        batches.append((middle[at], middle[at + 1 : close]))
        _check_batch(middle[at], middle[at + 1 : close], middle[close], number=len(batches))
        at = close + 1
    _check_file(control, batches, blocks=len(lines) // 10)
    return header, batches, control


def _sums(entries):
    debit = sum(int(entry["amount"]) for entry in entries if entry["code"] in DEBITS)
    credit = sum(int(entry["amount"]) for entry in entries if entry["code"] in CREDITS)
    banks = sum(int(entry["rdfi"]) for entry in entries)
    return {
        "count": len(entries),
        "hash": int(str(banks)[-10:]),
        "debit": debit,
        "credit": credit,
    }


def _check_batch(header, entries, control, *, number):
    assert header["type"] == "5"
    assert entries
    assert {entry["type"] for entry in entries} == {"6"}
    assert {entry["code"] for entry in entries} <= CREDITS | DEBITS
    assert {name: int(control[name]) for name in _sums(entries)} == _sums(entries)
    for name in ("service", "company_id", "odfi", "number"):
        assert control[name] == header[name]
    assert int(header["number"]) == number
    traces = [entry["trace"] for entry in entries]
    assert traces == sorted(set(traces))
    assert {trace[:8] for trace in traces} == {header["odfi"]}
    for entry in entries:
        digits = [int(digit) for digit in entry["rdfi"]]
        weighted = sum(a * b for a, b in zip(digits, [3, 7, 1, 3, 7, 1, 3, 7], strict=True))
        assert int(entry["check"]) == -weighted % 10
        assert entry["name"].strip()
        assert entry["addenda"] == "0"


def _check_file(control, batches, *, blocks):
    entries = [entry for _, found in batches for entry in found]
    assert {name: int(control[name]) for name in _sums(entries)} == _sums(entries)
    assert int(control["batches"]) == len(batches)
    assert int(control["blocks"]) == blocks
    assert len({entry["trace"] for entry in entries}) == len(entries)
    assert control["rest"].strip() == ""
