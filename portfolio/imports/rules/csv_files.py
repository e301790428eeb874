"""CSV: lots that are held, or a history of transactions, by the names of columns. Pure.

docs/import.md has the columns. A column that is not known is refused, because what it says might
change what the others mean.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from exchange.simulator.sources.replay.rules import cells
from exchange.simulator.sources.replay.rules.cells import TimeReader
from exchange.simulator.sources.replay.rules.refusals import Problem, Unreadable
from portfolio.imports.rules import amounts, records
from portfolio.imports.rules.records import Action, BadFile, ImportFile, ReadOptions, Record

CASH = frozenset({"USD", "CASH"})
"""What the symbol of a row of cash is."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker"),
    "quantity": ("quantity", "shares", "units", "qty"),
    "cost": ("cost", "cost basis", "total cost", "amount"),
    "price": ("price", "unit cost", "cost per share", "average cost", "purchase price"),
    "acquired": (
        "acquired",
        "date acquired",
        "acquired date",
        "purchase date",
        "date",
        "trade date",
    ),
    "fees": ("fees", "fee", "commission"),
    "currency": ("currency",),
    "action": ("action", "transaction", "type", "side"),
    "ratio": ("ratio", "split ratio"),
}
"""The names of each column, in small letters, with spaces for underscores."""

IGNORED = frozenset(
    {
        *("", "account", "comment", "cusip", "description", "exchange", "id", "isin", "memo"),
        *("name", "note", "notes", "security"),
    }
)
"""Columns that change nothing."""

ACTIONS: Mapping[str, Action] = {
    **dict.fromkeys(("buy", "bought", "purchase"), Action.BUY),
    **dict.fromkeys(("sell", "sold", "sale"), Action.SELL),
    **dict.fromkeys(("reinvest", "reinvestment"), Action.REINVEST),
    **dict.fromkeys(("split", "stock split"), Action.SPLIT),
    "deposit": Action.DEPOSIT,
    "withdrawal": Action.WITHDRAWAL,
    **dict.fromkeys(("dividend", "interest"), Action.INCOME),
    **dict.fromkeys(("fee", "fees", "tax"), Action.EXPENSE),
}

_DELIMITERS = (",", ";", "\t", "|")
_OF_CASH = (Action.DEPOSIT, Action.WITHDRAWAL, Action.INCOME, Action.EXPENSE)

_Row = tuple[int, Sequence[str]]


def read(text: str, options: ReadOptions) -> ImportFile:
    """The records of a CSV file. Raises BadFile, which names the lines."""
    if options.account is not None:
        raise BadFile("a CSV file has no accounts to choose from")
    delimiter, rows = _rows(text)
    columns = _columns(*rows[0])
    body = rows[1:]
    records.require_few(len(body))
    times = TimeReader(options.date_format, cells.day_first(_texts(body, columns["acquired"])))
    reader = _RowReader(columns, times, len(rows[0][1]), thousands=delimiter != ";")
    found = [reader.read(line, row) for line, row in body]
    records.require_none([each for each in found if isinstance(each, Problem)])
    read_records = [each for each in found if isinstance(each, Record)]
    return ImportFile(read_records, is_history="action" in columns)


def _rows(text: str) -> tuple[str, list[_Row]]:
    """The delimiter, and the rows that are not empty, with the number of their last line."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows: list[_Row] = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise BadFile(f"line {reader.line_num}: it is no CSV ({error})") from error
    if not rows:
        raise BadFile("it is empty")
    return delimiter, rows


def _columns(line: int, header: Sequence[str]) -> dict[str, int]:
    """The place of each column. Raises BadFile for one that is unknown, missing or there twice."""
    names = [" ".join(name.strip().lower().replace("_", " ").split()) for name in header]
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        column = next((each for each, known in COLUMNS.items() if name in known), None)
        if column in found:
            raise BadFile(f"line {line}: {header[found[column]]} and {name} are the same column")
        if column is not None:
            found[column] = place
        elif name not in IGNORED:
            raise BadFile(
                f"line {line}: there is no column {name[:40]!r}; "
                f"there are {', '.join(COLUMNS)}, and ignored are {', '.join(sorted(IGNORED)[1:])}"
            )
    _require_columns(line, found)
    return found


def _require_columns(line: int, found: Mapping[str, int]) -> None:
    lacking = [name for name in ("symbol", "quantity", "acquired") if name not in found]
    if lacking:
        raise BadFile(f"line {line}: the header has no column {', '.join(lacking)}")
    if "action" in found:
        return
    if ("cost" in found) == ("price" in found):
        raise BadFile(
            f"line {line}: lots have a column cost or price, what was paid for all or for one; "
            "this file has " + ("both" if "cost" in found else "neither")
        )
    if "ratio" in found:
        raise BadFile(f"line {line}: a ratio is of splits, which are in a column action")


def _texts(body: Sequence[_Row], place: int) -> Iterator[str]:
    return (row[place] for _, row in body if place < len(row))


@dataclass(frozen=True, slots=True)
class _RowReader:
    """Reads rows of a file; without `thousands` a comma within a number is refused."""

    columns: Mapping[str, int]
    times: TimeReader
    width: int
    thousands: bool

    def read(self, line: int, row: Sequence[str]) -> Record | Problem:
        try:
            return self._read(line, row)
        except Unreadable as error:
            # A replay calls it by the name of its option.
            return Problem(line, str(error).replace("--date-format", "the date format"))

    def _read(self, line: int, row: Sequence[str]) -> Record:
        if len(row) != self.width:
            raise Unreadable(f"it has {len(row)} cells, and the header has {self.width}")
        if self._text(row, "currency").upper() not in ("", "USD"):
            raise Unreadable(f"{self._text(row, 'currency')[:10]} is no currency here; USD is")
        action = self._action(row)
        symbol = self._text(row, "symbol").upper()
        if action in _OF_CASH or (action is Action.BUY and symbol in CASH):
            return self._of_cash(line, row, action, symbol)
        if not symbol:
            raise Unreadable("it has no symbol")
        if symbol in CASH:
            raise Unreadable(f"{action.value} is not done with cash")
        if action is Action.SPLIT:
            at, day = self._when(row)
            ratio = self._ratio(row)
            return Record(line=line, action=action, at=at, day=day, symbol=symbol, ratio=ratio)
        return self._of_security(line, row, action, symbol)

    def _of_security(self, line: int, row: Sequence[str], action: Action, symbol: str) -> Record:
        at, day = self._when(row)
        amount = self._money(row, "cost", action)
        price = self._optional(row, "price", amounts.not_negative)
        if (amount is None) == (price is None):
            raise Unreadable("it needs either what was paid in all, or the price of one")
        return Record(
            line=line,
            action=action,
            at=at,
            day=day,
            symbol=symbol,
            quantity=self._quantity(row, action),
            price=price,
            amount=amount,
            fees=self._optional(row, "fees", amounts.not_negative) or Decimal(0),
        )

    def _of_cash(self, line: int, row: Sequence[str], action: Action, symbol: str) -> Record:
        """Cash: a row of its own among lots, which may have no date, or one of a history."""
        is_lot = "action" not in self.columns
        if not is_lot and action is Action.BUY:
            raise Unreadable("cash is a deposit")
        name = "quantity" if is_lot else "cost"
        dollars = self._optional(row, name, amounts.number)
        if dollars is None:
            raise Unreadable("it has no dollars")
        if dollars < 0 and action in (Action.WITHDRAWAL, Action.EXPENSE):
            dollars = -dollars  # many sources write what goes out below zero
        if dollars <= 0:
            raise Unreadable(f"cash of {dollars} is not above zero")
        at, day = (
            (datetime(1970, 1, 1, tzinfo=UTC), date(1970, 1, 1)) if is_lot else self._when(row)
        )
        return Record(
            line=line,
            action=Action.DEPOSIT if is_lot else action,
            at=at,
            day=day,
            symbol="" if symbol in CASH else symbol,
            amount=dollars,
        )

    def _action(self, row: Sequence[str]) -> Action:
        if "action" not in self.columns:
            return Action.BUY
        text = self._text(row, "action").lower()
        if text not in ACTIONS:
            raise Unreadable(f"there is no action {text[:20]!r}; there are {', '.join(ACTIONS)}")
        return ACTIONS[text]

    def _quantity(self, row: Sequence[str], action: Action) -> Decimal:
        quantity = self._optional(row, "quantity", amounts.number)
        if quantity is None or quantity == 0:
            raise Unreadable("it has no quantity")
        if quantity < 0 and action is Action.SELL:
            return -quantity
        if quantity < 0:
            raise Unreadable(
                f"a quantity of {quantity} is a short position, which is not taken over"
            )
        return quantity

    def _money(self, row: Sequence[str], name: str, action: Action) -> Decimal | None:
        """An amount of either sign, as sources write what goes out of an account below zero."""
        if "action" not in self.columns:
            return self._optional(row, name, amounts.not_negative)
        amount = self._optional(row, name, amounts.number)
        if amount is not None and amount < 0 and action is Action.SELL:
            raise Unreadable(f"a sale for {amount} is below zero")
        return None if amount is None else abs(amount)

    def _optional(
        self, row: Sequence[str], name: str, kind: Callable[..., Decimal]
    ) -> Decimal | None:
        text = self._text(row, name)
        if text.lower() in cells.NOTHING:
            return None
        if kind is amounts.number:
            return amounts.number(text, thousands=self.thousands)
        return kind(text, name, thousands=self.thousands)

    def _ratio(self, row: Sequence[str]) -> Fraction:
        """New shares for old ones: 4:1, 4/1 or 4."""
        text = self._text(row, "ratio")
        new, _, old = text.replace("/", ":").partition(":")
        if not text:
            raise Unreadable("a split needs a ratio of new shares to old ones, as in 4:1")
        return Fraction(amounts.positive(new, "ratio")) / Fraction(
            amounts.positive(old or "1", "ratio")
        )

    def _when(self, row: Sequence[str]) -> tuple[datetime, date]:
        moment = self.times.read(self._text(row, "acquired"))
        return moment.at, moment.day

    def _text(self, row: Sequence[str], name: str) -> str:
        return row[self.columns[name]].strip() if name in self.columns else ""
