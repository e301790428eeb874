"""The file of a day's transfers: its entries in batches, with the sums that prove them.

A deposit is a debit of the customer's account that was authorized on the internet (WEB); a
withdrawal is a credit to a consumer (PPD), and so is a micro-deposit. So a batch has debits only or
credits only, and its service class code says so (225 or 220). The file is not balanced: the bank
books the other side on the broker's account.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from banking.rules.nacha import records

SEQUENCES = 9_999_999
"""Trace numbers end with a sequence number from 1 to this."""
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""The file id modifiers, which keep the files of a day apart."""
MAX_ENTRIES = 9_000
"""Entries of a million dollars fill the twelve digits of a file's totals with ten thousand."""

NO_NAME = "CUSTOMER"
ORIGINATOR_IS_NO_AGENCY = "1"
SINGLE_ENTRY = "S"


@dataclass(frozen=True, slots=True)
class Originator:
    """The broker as its bank knows it.

    `destination` and `odfi` are routing numbers of nine digits: of whoever takes the file, and of
    the bank that sends the entries. `company_id` and `origin` have up to ten characters, as the
    bank has assigned them.
    """

    company_name: str
    company_id: str
    destination: str
    destination_name: str
    origin: str
    origin_name: str
    odfi: str

    def trace_number(self, sequence: int) -> str:
        return f"{self.odfi[:8]}{sequence:07d}"


class Purpose(Enum):
    """What a batch is for; in the order in which batches stand in a file."""

    DEPOSIT = ("WEB", "225", "DEPOSIT", SINGLE_ENTRY)
    WITHDRAWAL = ("PPD", "220", "WITHDRAWAL", "")
    # The description is prescribed for micro-entries.
    MICRO_DEPOSIT = ("PPD", "220", "ACCTVERIFY", "")

    def __init__(
        self, entry_class: str, service_class: str, description: str, discretionary: str
    ) -> None:
        self.entry_class = entry_class
        self.service_class = service_class
        self.description = description
        self.discretionary = discretionary

    def transaction_code(self, account_type: str) -> str:
        """27 and 37 debit a checking and a savings account, 22 and 32 credit them."""
        account = {"checking": "2", "savings": "3"}[account_type]
        return account + ("7" if self is Purpose.DEPOSIT else "2")


@dataclass(frozen=True, slots=True)
class Entry:
    """Money from or to one account at a bank. `trace_number` ascends within a file."""

    purpose: Purpose
    account_type: str
    routing_number: str
    account_number: str = field(repr=False)
    cents: int
    identification: str
    name: str
    trace_number: str

    @property
    def line(self) -> str:
        return records.ENTRY.line(
            transaction_code=self.purpose.transaction_code(self.account_type),
            rdfi=self.routing_number[:8],
            check_digit=self.routing_number[8],
            account_number=self.account_number,
            amount=self.cents,
            individual_identification=self.identification,
            individual_name=plain(self.name, 22) or NO_NAME,
            discretionary_data=self.purpose.discretionary,
            addenda_indicator=0,
            trace_number=self.trace_number,
        )


@dataclass(frozen=True, slots=True)
class Sums:
    """What control records prove: how many entries, the sum of their banks, and their cents."""

    entries: int
    banks: int
    debit_cents: int
    credit_cents: int

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Sums":
        found = list(entries)
        debits = [entry.cents for entry in found if entry.purpose is Purpose.DEPOSIT]
        credits = [entry.cents for entry in found if entry.purpose is not Purpose.DEPOSIT]
        banks = sum(int(entry.routing_number[:8]) for entry in found)
        return cls(len(found), banks, sum(debits), sum(credits))

    @property
    def fields(self) -> dict[str, str | int]:
        return {
            "entry_addenda_count": self.entries,
            "entry_hash": records.entry_hash(self.banks),
            "total_debit": self.debit_cents,
            "total_credit": self.credit_cents,
        }


def file_text(
    originator: Originator,
    entries: Sequence[Entry],
    *,
    created_at: datetime,
    modifier: str,
    effective_date: date,
) -> str:
    """The whole file, lines ended by a newline. `created_at` is written as the clock shows it.

    Entries stand in batches in the order of Purpose, and keep their order in them. Raises
    records.Unprintable.
    """
    lines = [_file_header(originator, created_at, modifier)]
    batches = [
        (purpose, [entry for entry in entries if entry.purpose is purpose]) for purpose in Purpose
    ]
    filled = [(purpose, found) for purpose, found in batches if found]
    for number, (purpose, found) in enumerate(filled, 1):
        lines += _batch(originator, purpose, found, number, effective_date)
    total = len(lines) + 1
    lines.append(
        records.FILE_CONTROL.line(
            batch_count=len(filled),
            block_count=records.blocks(total),
            **Sums.of(entries).fields,
        )
    )
    lines += [records.FILLER] * (records.blocks(total) * records.BLOCKING_FACTOR - total)
    return "".join(f"{line}\n" for line in lines)


def plain(text: str, width: int) -> str:
    """Text as bank files may have it: ASCII capitals without accents, cut to `width`."""
    decomposed = unicodedata.normalize("NFKD", text).upper()
    ascii_only = "".join(
        " " if character.isspace() else character
        for character in decomposed
        if character.isspace() or (character.isascii() and character.isprintable())
    )
    return " ".join(ascii_only.split())[:width].rstrip()


def _file_header(originator: Originator, created_at: datetime, modifier: str) -> str:
    return records.FILE_HEADER.line(
        priority_code=1,
        immediate_destination=originator.destination.rjust(10),
        immediate_origin=originator.origin.rjust(10),
        file_creation_date=f"{created_at:%y%m%d}",
        file_creation_time=f"{created_at:%H%M}",
        file_id_modifier=modifier,
        record_size=records.LINE,
        blocking_factor=records.BLOCKING_FACTOR,
        format_code=1,
        immediate_destination_name=plain(originator.destination_name, 23),
        immediate_origin_name=plain(originator.origin_name, 23),
    )


def _batch(
    originator: Originator,
    purpose: Purpose,
    entries: Sequence[Entry],
    number: int,
    effective_date: date,
) -> list[str]:
    shared: dict[str, str | int] = {
        "service_class_code": purpose.service_class,
        "company_identification": originator.company_id,
        "odfi": originator.odfi[:8],
        "batch_number": number,
    }
    header = records.BATCH_HEADER.line(
        **shared,
        company_name=plain(originator.company_name, 16),
        standard_entry_class=purpose.entry_class,
        company_entry_description=purpose.description,
        effective_entry_date=f"{effective_date:%y%m%d}",
        originator_status_code=ORIGINATOR_IS_NO_AGENCY,
    )
    control = records.BATCH_CONTROL.line(**shared, **Sums.of(entries).fields)
    return [header, *(entry.line for entry in entries), control]
