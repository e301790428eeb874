"""What a file of any format is read as: records of what was bought, sold and paid. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from exchange.simulator.sources.replay.rules.refusals import Problem, in_words, listed

MAX_RECORDS = 10_000


class BadFile(ValueError):
    """The file can't be imported; the message names the lines."""


class Action(StrEnum):
    """What a record says: of securities `BUY`, `SELL` and `SPLIT`, of cash the others.

    `REINVEST` is a purchase out of a dividend of the same amount, so it moves no cash.
    """

    BUY = "buy"
    SELL = "sell"
    REINVEST = "reinvest"
    SPLIT = "split"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    INCOME = "income"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of a file. Money in dollars, `price` for one share or coin or 100 of face value.

    `amount` is without the `fees`. `at` orders records; the `day` is what a lot is acquired on. A
    split has the `ratio` of new shares to old ones.
    """

    line: int
    action: Action
    at: datetime
    day: date
    symbol: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    amount: Decimal | None = None
    fees: Decimal = Decimal(0)
    ratio: Fraction | None = None


@dataclass(frozen=True, slots=True)
class ImportFile:
    """The records of a file, in its order.

    Of a history (`is_history`), purchases were paid for out of the cash that the file tells of,
    unless it says what `cash` there is at its end, in dollars. Otherwise the records are what there
    is: lots and cash. `held` are the quantities that a history must leave, if it says so.
    `days` are those of what the records sum up, after the line that each stands in.
    """

    records: Sequence[Record]
    is_history: bool = False
    held: Sequence[Record] | None = None
    cash: Decimal | None = None
    days: Sequence[tuple[int, date]] = ()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is to be read, where it does not say so itself.

    `date_format` is one of strptime, `symbols` are our symbols by those of the file in capitals,
    `account` is the one of several that is to be read.
    """

    account: str | None = None
    date_format: str | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)


USUAL = ReadOptions()


def require_none(problems: Sequence[Problem]) -> None:
    """Raise BadFile that names the problems by line, if there are any."""
    if problems:
        raise BadFile(listed([*in_words(problems)]))


def require_few(count: int) -> None:
    """Refuse a file of too many records. Raises BadFile."""
    if count > MAX_RECORDS:
        raise BadFile(f"it has more than {MAX_RECORDS} records")
