"""Files from the bank are read as the format says; others are refused with the line at fault."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking.rules.nacha import incoming
from banking.tests.nacha import bank

ENTRY = {
    "code": "27",
    "rdfi": "11100002",
    "account": "000123456789     ",
    "amount": "0000012345",
    "identification": "01936F5D02A87D5",
    "name": "ADA LOVELACE          ",
    "trace": "021000020000001",
}
OTHER = {**ENTRY, "code": "22", "amount": "0000005000", "trace": "021000020000002"}
FILE = bank.file(bank.returned(ENTRY, "R01"), bank.returned(OTHER, "R03", number=2))


def lines(content=FILE):
    return content.decode().splitlines()


def joined(found, end="\n"):
    return "".join(f"{line}{end}" for line in found).encode()


def replaced(number, first, text):
    """The file with `text` at a position of a line; both count from 1."""
    found = lines()
    line = found[number - 1]
    found[number - 1] = line[: first - 1] + text + line[first - 1 + len(text) :]
    return joined(found)


def test_a_return_is_read_field_by_field():
    first, second = incoming.notices(FILE)

    assert first == incoming.Notice(
        line=4,
        kind="return",
        code="R01",
        original_trace_number="021000020000001",
        original_rdfi="11100002",
        cents=12_345,
        trace_number="111000020000001",
    )
    assert (second.line, second.code, second.cents) == (6, "R03", 5_000)


@pytest.mark.parametrize(
    "content",
    [
        joined(lines(), "\r\n"),
        joined(lines()[:8]),  # some banks fill no blocks
        FILE[:-1],  # ... or don't end the last line
        replaced(2, 70, " " * 6),  # ... or leave the effective date blank
        replaced(4, 28, " " * 8),  # ... or their own number
    ],
    ids=["crlf", "no fillers", "no last newline", "no date", "no bank"],
)
def test_what_banks_leave_out_is_read_all_the_same(content):
    assert len(incoming.notices(content)) == 2


def test_a_file_without_a_batch_says_nothing():
    assert incoming.notices(bank.file()) == []


MALFORMED = {
    "nothing": (b"", 1, "empty"),
    "an empty line": (b"\n", 1, "0 characters"),
    "a short line": (joined([*lines()[:3], lines()[3][:-1], *lines()[4:]]), 4, "93 char"),
    "a tab": (replaced(3, 60, "\t"), 3, "character"),
    "another script": (replaced(3, 60, "é").decode().encode("latin-1"), 3, "character"),
    "two lines as one": (FILE.replace(b"\n", b"", 1), 1, "188 characters"),
    "a nul": (replaced(3, 60, "\x00"), 3, "character"),
    "no header": (joined(lines()[1:]), 1, "not a file header"),
    "no batch header": (joined([lines()[0], *lines()[2:]]), 2, "not a file control"),
    "no batch control": (joined([*lines()[:6], *lines()[7:]]), 7, "not a batch control"),
    "no file control": (joined(lines()[:7]), 7, "the file ends after it"),
    "an entry outside of a batch": (joined([*lines()[:7], lines()[2], *lines()[7:]]), 8, "not"),
    "an entry without addenda": (joined([*lines()[:3], *lines()[4:]]), 4, "not an addenda"),
    "an entry that says so": (replaced(3, 79, "0"), 3, "no addenda"),
    "addenda of another type": (replaced(4, 2, "05"), 4, "neither a return nor a change"),
    "a code of letters": (replaced(4, 4, "RXX"), 4, "none of a return"),
    "a code of a change": (replaced(4, 4, "C01"), 4, "none of a return"),
    "an amount of letters": (replaced(3, 30, "12E4567890"), 3, "amount is no number"),
    "a negative amount": (replaced(3, 30, "-000012345"), 3, "amount is no number"),
    "another amount": (replaced(3, 30, "0000012346"), 7, "total debit"),
    "a debit for a credit": (replaced(3, 2, "21"), 7, "total debit"),
    "another bank": (replaced(3, 4, "02100003"), 7, "entry hash"),
    "another count": (replaced(7, 5, "000003"), 7, "entry addenda count"),
    "another batch number": (replaced(7, 94, "2"), 7, "batch number"),
    "another company": (replaced(7, 45, "X"), 7, "company identification"),
    "another total of the file": (replaced(8, 32, "000000012346"), 8, "total debit"),
    "another hash of the file": (replaced(8, 31, "5"), 8, "entry hash"),
    "another number of batches": (replaced(8, 7, "2"), 8, "other batches"),
    "another number of blocks": (replaced(8, 13, "2"), 8, "other blocks"),
    "another format": (replaced(1, 40, "2"), 1, "unknown"),
    "something after the end": (joined([*lines(), lines()[2]]), 11, "only nines"),
    "a second file": (FILE + FILE, 11, "only nines"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_refused_with_its_line(name):
    content, line, fault = MALFORMED[name]

    with pytest.raises(incoming.Malformed, match=fault) as refusal:
        incoming.notices(content)

    assert refusal.value.line == line
    assert str(refusal.value).startswith(f"Line {line}: ")
    assert "123456789" not in str(refusal.value)


def test_a_file_that_is_too_large_is_refused_before_it_is_read():
    with pytest.raises(incoming.Malformed, match="more than"):
        incoming.notices(b"9" * (incoming.MAX_BYTES + 1))


@given(st.binary(max_size=400) | st.text(alphabet="156789R ", max_size=400).map(str.encode))
def test_bytes_of_any_kind_are_read_or_refused(content):
    with suppress(incoming.Malformed):
        incoming.notices(content)


@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_a_file_with_any_byte_changed_says_the_same_or_is_refused_or_names_another_entry(
    position, byte
):
    content = FILE[:position] + bytes([byte]) + FILE[position + 1 :]
    try:
        found = incoming.notices(content)
    except incoming.Malformed:
        return
    assert [one.cents for one in found] == [12_345, 5_000]
