"""Reading what a bank sends back: returns, notifications of change, and disputes about returns.

A file is taken as a whole or not at all. Whatever is not as the format says is refused with the
number of its line: characters, lengths, the order of records, and sums that don't agree. Messages
have no account number in them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from banking.rules.nacha import reasons, records

MAX_BYTES = 20_000_000
LINE_BREAK = re.compile(rb"\r\n|\n")
# Numbers that nothing here depends on, and that some banks leave blank.
NEVER_READ = frozenset(
    {
        "priority_code",
        "file_creation_date",
        "file_creation_time",
        "effective_entry_date",
        "check_digit",
    }
)
RETURN_CODE = re.compile(r"R[0-9]{2}")
CHANGE_CODE = re.compile(r"C[0-9]{2}")

Kind = Literal["return", "change", "dispute"]


class Malformed(ValueError):
    """The file is not what it says it is; `line` counts from 1."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(f"Line {line}: {fault}.")
        self.line = line


@dataclass(frozen=True, slots=True)
class Notice:
    """What a bank says about one entry that it got. `line` is where its addenda record stands."""

    line: int
    kind: Kind
    code: str
    original_trace_number: str
    original_rdfi: str
    cents: int
    trace_number: str


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str

    @property
    def type(self) -> str:
        return self.text[0]


@dataclass(slots=True)
class _Sums:
    """What the control records have to agree with."""

    records: int = 0
    banks: int = 0
    debit_cents: int = 0
    credit_cents: int = 0

    def add(self, other: "_Sums") -> None:
        self.records += other.records
        self.banks += other.banks
        self.debit_cents += other.debit_cents
        self.credit_cents += other.credit_cents

    def require(self, control: dict[str, str], line: int) -> None:
        """Raise Malformed for the first sum of a control record that is another."""
        for name, found in (
            ("entry_addenda_count", self.records),
            ("entry_hash", records.entry_hash(self.banks)),
            ("total_debit", self.debit_cents),
            ("total_credit", self.credit_cents),
        ):
            if int(control[name]) != found:
                raise Malformed(line, f"the {name.replace('_', ' ')} is not that of the entries")


def notices(content: bytes) -> list[Notice]:
    """Everything that a file says about entries, in its order. Raises Malformed."""
    return list(_Reader(_lines(content)).file())


def _lines(content: bytes) -> list[_Line]:
    if len(content) > MAX_BYTES:
        raise Malformed(1, f"the file has more than {MAX_BYTES:,} bytes")
    found = []
    raw = LINE_BREAK.split(content)
    if raw[-1] == b"":
        raw.pop()
    for number, line in enumerate(raw, 1):
        if len(line) != records.LINE:
            raise Malformed(number, f"it has {len(line)} characters, not {records.LINE}")
        if not line.isascii() or not line.decode("ascii").isprintable():
            raise Malformed(number, "it has a character that no bank file has")
        found.append(_Line(number, line.decode("ascii")))
    if not found:
        raise Malformed(1, "the file is empty")
    return found


class _Reader:
    """Goes through the lines once, record by record, as the format orders them."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self._lines = lines
        self._at = 0

    def file(self) -> Iterator[Notice]:
        self._header()
        sums, batches = _Sums(), 0
        while self._next_is("5"):
            yield from self._batch(sums)
            batches += 1
        line, control = self._take("9", records.FILE_CONTROL, "a file control record")
        sums.require(control, line)
        if int(control["batch_count"]) != batches:
            raise Malformed(line, f"it counts other batches than {batches}")
        if int(control["block_count"]) != records.blocks(line):
            raise Malformed(line, "it counts other blocks than the file has")
        for filler in self._lines[self._at :]:
            if filler.text != records.FILLER:
                raise Malformed(filler.number, "after the file control only nines may follow")

    def _header(self) -> None:
        line, header = self._take("1", records.FILE_HEADER, "a file header record")
        if (header["record_size"], header["blocking_factor"], header["format_code"]) != (
            f"{records.LINE:03d}",
            str(records.BLOCKING_FACTOR),
            "1",
        ):
            raise Malformed(line, "record size, blocking factor or format code is unknown")

    def _batch(self, of_file: _Sums) -> Iterator[Notice]:
        _, header = self._take("5", records.BATCH_HEADER, "a batch header record")
        sums = _Sums()
        while self._next_is("6"):
            yield self._entry(sums)
        line, control = self._take("8", records.BATCH_CONTROL, "a batch control record")
        sums.require(control, line)
        for name in ("service_class_code", "company_identification", "odfi", "batch_number"):
            if control[name] != header[name]:
                raise Malformed(line, f"the {name.replace('_', ' ')} is not that of the header")
        of_file.add(sums)

    def _entry(self, sums: _Sums) -> Notice:
        number, entry = self._take("6", records.ENTRY, "an entry detail record")
        if entry["addenda_indicator"] != "1":
            raise Malformed(number, "the entry has no addenda, so it is neither return nor change")
        cents = int(entry["amount"])
        debit = records.is_debit(entry["transaction_code"])
        sums.add(_Sums(2, int(entry["rdfi"]), cents if debit else 0, 0 if debit else cents))
        return self._addenda(cents)

    def _addenda(self, cents: int) -> Notice:
        type_ = self._lines[self._at].text[1:3] if self._next_is("7") else ""
        is_change = type_ == "98"
        layout = records.CHANGE_ADDENDA if is_change else records.RETURN_ADDENDA
        line, addenda = self._take("7", layout, "an addenda record")
        if type_ not in ("98", "99"):
            raise Malformed(line, "the addenda are of neither a return nor a change")
        code = addenda["change_code" if is_change else "reason_code"]
        if not (CHANGE_CODE if is_change else RETURN_CODE).fullmatch(code):
            raise Malformed(line, "the code is none of a return or change")
        return Notice(
            line=line,
            kind="change" if is_change else "dispute" if reasons.is_dispute(code) else "return",
            code=code,
            original_trace_number=addenda["original_trace_number"],
            original_rdfi=addenda["original_rdfi"].strip(),
            cents=cents,
            trace_number=addenda["trace_number"],
        )

    def _next_is(self, type_: str) -> bool:
        return self._at < len(self._lines) and self._lines[self._at].type == type_

    def _take(self, type_: str, layout: records.Layout, name: str) -> tuple[int, dict[str, str]]:
        """The next line, which must be such a record with digits where digits belong."""
        if self._at == len(self._lines):
            raise Malformed(self._at, f"the file ends after it, where {name} should follow")
        line = self._lines[self._at]
        if line.type != type_:
            raise Malformed(line.number, f"it is not {name}, which should stand here")
        values = dict(layout.read(line.text))
        for field in layout.fields:
            must_be_digits = field.is_number and field.name not in NEVER_READ
            if must_be_digits and not values[field.name].isdigit():
                raise Malformed(line.number, f"the {field.name.replace('_', ' ')} is no number")
        self._at += 1
        return line.number, values
