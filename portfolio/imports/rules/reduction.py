"""The lots and the cash that are left at the end of a file, in units and cents. Pure.

Sales take from the lots by a lot method, as they do here (`portfolio/rules/lots.py`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal

from banking.rules.assets import EXACT, USD, Asset, InexactAmount
from exchange.simulator.sources.replay.rules import symbols
from exchange.simulator.sources.replay.rules.refusals import Problem, Unreadable
from portfolio.imports.rules import records
from portfolio.imports.rules.records import Action, BadFile, ImportFile, Record
from portfolio.rules import lots
from portfolio.rules.lots import TAX_ZONE, Event, Fold, LotMethod

FIRST_DAY = date(1970, 1, 1)
MAX_LOTS = 2_000
MAX_SYMBOLS = 500
# Each split goes through all open lots of its security.
MAX_SPLIT_LOTS = 500_000
# Sums of units and cents stay far below 2**63.
_LARGEST = 10**17
_CENT = Decimal(1).scaleb(-USD.scale)


@dataclass(frozen=True, slots=True)
class Listed:
    """What is to be known of a security: `increment` is the least quantity, others are multiples.

    Quantity × price / `divisor` is dollars.
    """

    asset: Asset
    increment: Decimal
    divisor: Decimal


@dataclass(frozen=True, slots=True)
class OpeningLot:
    """A lot that is left: its units, what they cost in cents, fees included, and since when."""

    symbol: str
    units: int
    cost_cents: int
    day: date
    line: int

    @property
    def acquired_at(self) -> datetime:
        """The beginning of the day in New York, whose dates count for holding periods."""
        return datetime.combine(self.day, time(), TAX_ZONE).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Reduced:
    """Lots by symbol, those of one in the order in which they were acquired, and cash in cents."""

    lots: Sequence[OpeningLot]
    cents: int

    @property
    def digest(self) -> str:
        """The same for all files that leave the same, however they are written."""
        lines = [f"{lot.symbol} {lot.units} {lot.cost_cents} {lot.day}" for lot in self.lots]
        text = "\n".join([f"USD {self.cents}", *lines])
        return hashlib.sha256(text.encode()).hexdigest()


def reduce(
    file: ImportFile,
    listed: Mapping[str, Listed],
    *,
    method: LotMethod,
    renamed: Mapping[str, str],
    today: date,
) -> Reduced:
    """What is left of the records. `renamed` are symbols of ours by those of the file.

    Raises BadFile, which names the lines, where a symbol is not listed, a quantity is none that is
    traded, more is sold than there is, or the cash ends below zero.
    """
    books = _Books(file.is_history, listed, method, _names(file, listed, renamed), today)
    problems = []
    for line, day in file.days:
        try:
            _require_past(day, today)
        except Unreadable as error:
            problems.append(Problem(line, str(error)))
    records.require_none(problems)
    for record in _in_order(file):
        try:
            books.add(record)
        except Unreadable as error:
            problems.append(Problem(record.line, str(error)))
    records.require_none(problems or books.differences(file.held))
    left = [lot for symbol in sorted(books.folds) for lot in books.lots_of(symbol)]
    if len(left) > MAX_LOTS:
        raise BadFile(f"it leaves {len(left)} lots; at most {MAX_LOTS} are taken over")
    return Reduced(left, _cash_at_the_end(file, books))


def _require_past(day: date, today: date) -> None:
    """Raises Unreadable for a day that is in the future or too long ago."""
    if day > today:
        raise Unreadable(f"{day} is in the future")
    if day < FIRST_DAY:
        raise Unreadable(f"{day} is before {FIRST_DAY}")


def _cash_at_the_end(file: ImportFile, books: "_Books") -> int:
    cents = books.cash if books.has_deposits else 0
    if file.cash is not None:
        try:
            cents = _cents_of(file.cash)
        except Unreadable as error:
            raise BadFile(f"its cash can't be taken: {error}") from error
    if cents < 0:
        raise BadFile(f"its cash ends at {USD.amount(cents)}: a deposit is missing")
    return cents


def _names(
    file: ImportFile, listed: Mapping[str, Listed], renamed: Mapping[str, str]
) -> Mapping[str, str | None]:
    """Our symbol for each one of the file; None where it is not listed."""
    given = {record.symbol for record in (*file.records, *(file.held or ()))}
    if len(given) > MAX_SYMBOLS:
        raise BadFile(f"it has {len(given)} symbols; at most {MAX_SYMBOLS} are read")
    known = symbols.by_spelling(listed)
    wanted = {name: renamed.get(name, name) for name in given}
    return {
        name: symbol if symbol in listed else known.get(symbols.spelling(symbol))
        for name, symbol in wanted.items()
    }


def _in_order(file: ImportFile) -> Sequence[Record]:
    """From the oldest to the newest; of one time in the order of the file.

    A history whose last record is older than its first has the newest first.
    """
    given = file.records
    if file.is_history and given and given[0].at > given[-1].at:
        given = given[::-1]
    return sorted(given, key=lambda record: record.at)


@dataclass(slots=True)
class _Books:
    """The cash and the lots while records are added to them."""

    is_history: bool
    listed: Mapping[str, Listed]
    method: LotMethod
    names: Mapping[str, str | None]
    today: date
    cash: int = 0
    has_deposits: bool = False
    split_lots: int = 0
    folds: dict[str, Fold] = field(default_factory=dict)
    purchases: list[Record] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Raises Unreadable."""
        _require_past(record.day, self.today)
        if record.action in (Action.BUY, Action.REINVEST):
            self._buy(record)
        elif record.action is Action.SELL:
            self._sell(record)
        elif record.action is Action.SPLIT:
            self._split(record)
        else:
            self._move_cash(record)

    def differences(self, held: Sequence[Record] | None) -> list[Problem]:
        """Where the records leave other quantities than the file says there are."""
        if held is None:
            return []
        said: dict[str, int] = defaultdict(int)
        lines: dict[str, int] = {}
        problems = []
        for record in held:
            try:
                symbol, listed = self._listed(record)
                said[symbol] += self._units(record, listed)
                lines[symbol] = record.line
            except Unreadable as error:
                problems.append(Problem(record.line, str(error)))
        for symbol in sorted({*said, *self.folds}):
            asset, found = self.listed[symbol].asset, self._held(symbol)
            if found != said[symbol]:
                line = lines.get(symbol) or self._last_purchase(symbol).line
                problems.append(
                    Problem(
                        line,
                        f"there are {asset.amount(said[symbol]):f} {symbol}, and the transactions "
                        f"of the file leave {asset.amount(found):f}: it needs all since the first",
                    )
                )
        return problems

    def _last_purchase(self, symbol: str) -> Record:
        return next(
            record for record in reversed(self.purchases) if self.names[record.symbol] == symbol
        )

    def lots_of(self, symbol: str) -> Iterator[OpeningLot]:
        fold = self.folds[symbol]
        left = fold.all_lots()
        costs = [lot.cost_left for lot in left]
        if self.method is LotMethod.AVERAGE:
            costs = lots.spread(fold.totals.cost, by=[lot.units_left for lot in left])
        for lot, cost in zip(left, costs, strict=True):
            record = self.purchases[int(lot.id)]
            yield OpeningLot(symbol, lot.units_left, cost, record.day, record.line)

    def _buy(self, record: Record) -> None:
        symbol, listed = self._listed(record)
        units, cents = self._units(record, listed), self._cents(record, listed, 1)
        self._add(symbol, Event(lots.BUY, str(len(self.purchases)), units, cents, 0))
        self.purchases.append(record)
        if record.action is Action.BUY and self.is_history:
            self._pay(-cents)

    def _sell(self, record: Record) -> None:
        symbol, listed = self._listed(record)
        units, cents = self._units(record, listed), self._cents(record, listed, -1)
        held = self._held(symbol)
        if units > held:
            raise Unreadable(
                f"it sells {listed.asset.amount(units):f} {symbol}, and there are "
                f"{listed.asset.amount(held):f}: short positions are not taken over"
            )
        self._add(symbol, Event(lots.SELL, "", units, cents, 0))
        self._pay(cents)

    def _split(self, record: Record) -> None:
        symbol, _ = self._listed(record)
        before = self._held(symbol)
        if not before or record.ratio is None:
            raise Unreadable(f"there is no {symbol} to be split")
        after = before * record.ratio.numerator // record.ratio.denominator
        if after > _LARGEST:
            raise Unreadable("that is more than can be counted")
        self.split_lots += len(self.folds[symbol].all_lots())
        if self.split_lots > MAX_SPLIT_LOTS:
            raise BadFile(f"line {record.line}: that is one split too many, of so many lots")
        self._add(symbol, Event(lots.SPLIT, "", before, after, 0))

    def _move_cash(self, record: Record) -> None:
        cents = _cents_of(record.amount or Decimal(0))
        self.has_deposits |= record.action is Action.DEPOSIT
        self._pay(cents if record.action in (Action.DEPOSIT, Action.INCOME) else -cents)

    def _pay(self, cents: int) -> None:
        self.cash += cents
        if abs(self.cash) > _LARGEST:
            raise Unreadable("that is more cash than can be counted")

    def _add(self, symbol: str, event: Event) -> None:
        fold = self.folds.setdefault(symbol, Fold(self.method))
        if event.kind == lots.BUY and (
            fold.totals.units + event.first > _LARGEST or fold.totals.cost + event.second > _LARGEST
        ):
            raise Unreadable("that is more than can be counted")
        fold.add(event)

    def _held(self, symbol: str) -> int:
        return self.folds[symbol].totals.units if symbol in self.folds else 0

    def _listed(self, record: Record) -> tuple[str, Listed]:
        symbol = self.names[record.symbol]
        if symbol is None:
            raise Unreadable(f"{record.symbol[:40]} is not listed here")
        return symbol, self.listed[symbol]

    def _units(self, record: Record, listed: Listed) -> int:
        quantity = record.quantity or Decimal(0)
        if EXACT.remainder(quantity, listed.increment):
            raise Unreadable(
                f"a quantity of {quantity:f} is no multiple of {listed.increment.normalize():f}, "
                f"in which {listed.asset.code} is traded here"
            )
        try:
            return listed.asset.units(quantity)
        except InexactAmount as error:
            raise Unreadable(str(error)) from error

    def _cents(self, record: Record, listed: Listed, sign: int) -> int:
        """What was paid with the fees, or received (`sign` is -1) less the fees."""
        dollars = record.amount
        if dollars is None:
            price, quantity = record.price or Decimal(0), record.quantity or Decimal(0)
            dollars = EXACT.divide(EXACT.multiply(quantity, price), listed.divisor)
        cents = _cents_of(EXACT.add(dollars, EXACT.multiply(record.fees, Decimal(sign))))
        if cents < 0:
            raise Unreadable("its fees are more than it brought")
        return cents


def _cents_of(dollars: Decimal) -> int:
    """Whole cents, the nearest, half to even. Raises Unreadable if they are too many."""
    cents = USD.units(dollars.quantize(_CENT, ROUND_HALF_EVEN, EXACT))
    if cents > _LARGEST:
        raise Unreadable("that is more money than can be counted")
    return cents
