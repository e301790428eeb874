"""The records of an ACH file: lines of 94 characters, whose fields have fixed positions.

Layouts are those of the Nacha Operating Rules, Appendix Three (ACH Record Format Specifications),
as published by banks and at https://achdevguide.nacha.org/ach-file-details. Positions count from 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LINE = 94
"""The length of each record."""
BLOCKING_FACTOR = 10
"""A file has a multiple of so many lines; those that are missing are all nines."""
FILLER = "9" * LINE


class Unprintable(ValueError):
    """A value that does not fit into its field; the message names the field, not the value."""


@dataclass(frozen=True, slots=True)
class Field:
    """Positions `first` to `last`; digits are zero-filled on the left, text is blank-filled."""

    name: str
    first: int
    last: int
    is_number: bool = False

    @property
    def width(self) -> int:
        return self.last - self.first + 1

    def written(self, value: str | int) -> str:
        text = str(value).rjust(self.width, "0") if self.is_number else str(value).ljust(self.width)
        readable = text.isascii() and (text.isdigit() if self.is_number else text.isprintable())
        if len(text) > self.width or not readable:
            raise Unprintable(f"{self.name} has no room for its value in {self.width} characters")
        return text

    def read(self, line: str) -> str:
        return line[self.first - 1 : self.last]


@dataclass(frozen=True, slots=True)
class Layout:
    """One type of record: its code, which is the first character, and the fields after it."""

    code: str
    fields: tuple[Field, ...]

    def line(self, **values: str | int) -> str:
        """A record of these values; fields that are left out are blank. Raises Unprintable."""
        parts = [self.code]
        for field in self.fields:
            given = values.pop(field.name, None)
            parts.append(" " * field.width if given is None else field.written(given))
        if values:
            raise TypeError(f"a record of type {self.code} has no {', '.join(values)}")
        return "".join(parts)

    def read(self, line: str) -> Mapping[str, str]:
        """The fields of a line, as they stand there."""
        return {field.name: field.read(line) for field in self.fields}


def _text(name: str, first: int, last: int) -> Field:
    return Field(name, first, last)


def _number(name: str, first: int, last: int) -> Field:
    return Field(name, first, last, is_number=True)


FILE_HEADER = Layout(
    "1",
    (
        _number("priority_code", 2, 3),
        _text("immediate_destination", 4, 13),
        _text("immediate_origin", 14, 23),
        _number("file_creation_date", 24, 29),
        _number("file_creation_time", 30, 33),
        _text("file_id_modifier", 34, 34),
        _number("record_size", 35, 37),
        _number("blocking_factor", 38, 39),
        _number("format_code", 40, 40),
        _text("immediate_destination_name", 41, 63),
        _text("immediate_origin_name", 64, 86),
        _text("reference_code", 87, 94),
    ),
)
BATCH_HEADER = Layout(
    "5",
    (
        _number("service_class_code", 2, 4),
        _text("company_name", 5, 20),
        _text("company_discretionary_data", 21, 40),
        _text("company_identification", 41, 50),
        _text("standard_entry_class", 51, 53),
        _text("company_entry_description", 54, 63),
        _text("company_descriptive_date", 64, 69),
        _number("effective_entry_date", 70, 75),
        _text("settlement_date", 76, 78),  # inserted by the ACH operator
        _text("originator_status_code", 79, 79),
        _number("odfi", 80, 87),
        _number("batch_number", 88, 94),
    ),
)
ENTRY = Layout(
    "6",
    (
        _number("transaction_code", 2, 3),
        _number("rdfi", 4, 11),
        _number("check_digit", 12, 12),
        _text("account_number", 13, 29),
        _number("amount", 30, 39),
        _text("individual_identification", 40, 54),
        _text("individual_name", 55, 76),
        _text("discretionary_data", 77, 78),
        _number("addenda_indicator", 79, 79),
        _number("trace_number", 80, 94),
    ),
)
RETURN_ADDENDA = Layout(
    "7",
    (
        _number("addenda_type", 2, 3),
        _text("reason_code", 4, 6),
        _number("original_trace_number", 7, 21),
        _text("date_of_death", 22, 27),
        _text("original_rdfi", 28, 35),
        _text("addenda_information", 36, 79),
        _number("trace_number", 80, 94),
    ),
)
CHANGE_ADDENDA = Layout(
    "7",
    (
        _number("addenda_type", 2, 3),
        _text("change_code", 4, 6),
        _number("original_trace_number", 7, 21),
        _text("reserved", 22, 27),
        _text("original_rdfi", 28, 35),
        _text("corrected_data", 36, 64),
        _text("reserved_too", 65, 79),
        _number("trace_number", 80, 94),
    ),
)
BATCH_CONTROL = Layout(
    "8",
    (
        _number("service_class_code", 2, 4),
        _number("entry_addenda_count", 5, 10),
        _number("entry_hash", 11, 20),
        _number("total_debit", 21, 32),
        _number("total_credit", 33, 44),
        _text("company_identification", 45, 54),
        _text("message_authentication_code", 55, 73),
        _text("reserved", 74, 79),
        _number("odfi", 80, 87),
        _number("batch_number", 88, 94),
    ),
)
FILE_CONTROL = Layout(
    "9",
    (
        _number("batch_count", 2, 7),
        _number("block_count", 8, 13),
        _number("entry_addenda_count", 14, 21),
        _number("entry_hash", 22, 31),
        _number("total_debit", 32, 43),
        _number("total_credit", 44, 55),
        _text("reserved", 56, 94),
    ),
)

MODULUS = 10**10


def entry_hash(total: int) -> int:
    """The entry hash of a sum of RDFI identifications: its ten rightmost digits."""
    return total % MODULUS


def blocks(lines: int) -> int:
    """How many blocks of ten lines so many lines fill, the last one in part."""
    return -(-lines // BLOCKING_FACTOR)


def is_debit(transaction_code: str) -> bool:
    """Whether an entry takes money from the receiver's account.

    The second digit is 1 to 4 for credits and 5 to 9 for debits: 22 credits a checking account and
    21 is its return, 27 debits it and 26 is its return; 3x are those of savings accounts.
    """
    return transaction_code[1] >= "5"
