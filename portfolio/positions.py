"""A customer's positions: quantities from the ledger, costs from the lots of executions."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking import ledger
from banking.rules.assets import USD
from exchange.models import Instrument, Quote
from portfolio import day_activity, securities, trades
from portfolio.day_activity import DayActivity
from portfolio.rules import lot_totals, lots
from portfolio.rules.lot_totals import Totals
from portfolio.rules.lots import Event, LotBook, LotMethod

logger = logging.getLogger(__name__)

MAX_READS = 3

_NO_LOTS = LotBook(open=(), realized=())


@dataclass(frozen=True, slots=True)
class Position:
    """One instrument that is or was held: `units` and `available_units` are those of the ledger.

    `totals` are the sums over the lots and realized gains that follow from the executions; `book`
    has these one by one, if it was asked for. `instrument` has its bond and quote loaded, if there
    are any.
    """

    instrument: Instrument
    units: int
    available_units: int
    totals: Totals
    book: LotBook = _NO_LOTS

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def quantity(self) -> Decimal:
        return self.instrument.asset.amount(self.units)

    @property
    def available_quantity(self) -> Decimal:
        return self.instrument.asset.amount(self.available_units)

    @property
    def quote(self) -> Quote | None:
        return getattr(self.instrument, "quote", None)

    @property
    def cost_basis(self) -> Decimal | None:
        """What the quantity cost, in dollars; None if the executions do not account for all of it.

        The quantity is always the one of the ledger.
        """
        return USD.amount(self.totals.cost_cents) if self.totals.units == self.units else None

    @property
    def realized_pnl(self) -> Decimal:
        """Dollars gained by all sales so far."""
        return USD.amount(self.totals.realized_cents)


@dataclass(frozen=True, slots=True)
class Account:
    """Dollars (`cash` includes held money), positions by symbol, and the activity since a close."""

    cash: Decimal
    available_cash: Decimal
    positions: tuple[Position, ...]
    activity: DayActivity = field(default_factory=DayActivity)


def read(*, owner_id: UUID, lot_method: LotMethod, since: datetime) -> Account:
    """The owner's account as it is now, with its activity `since` a moment.

    Balances are of one moment, and executions are read after them. A fill in between makes the two
    differ, so both are read again before a difference is reported.
    """
    return _checked(lambda: _read(owner_id, lot_method, since), owner_id)


def read_lots(*, owner_id: UUID, lot_method: LotMethod) -> tuple[Position, ...]:
    """The owner's positions as they are now, with every lot and gain; read again as by `read`."""
    return _checked(lambda: _read_lots(owner_id, lot_method), owner_id).positions


def _checked(read_once: Callable[[], Account], owner_id: UUID) -> Account:
    account = read_once()
    for _ in range(MAX_READS - 1):
        if not _unaccounted(account):
            return account
        account = read_once()
    if unaccounted := _unaccounted(account):
        logger.error("owner %s: ledger and executions differ in %s", owner_id, unaccounted)
    return account


def _read(owner_id: UUID, lot_method: LotMethod, since: datetime) -> Account:
    activity = day_activity.read(owner_id=owner_id, since=since)
    traded = trades.for_totals(owner_id=owner_id)

    def position(instrument: Instrument, available: int, held: int) -> Position:
        history = traded.get(instrument.symbol, ())
        # An incomplete history has no lots.
        totals = lot_totals.totals(history, method=lot_method) or lot_totals.NOTHING
        return Position(instrument, available + held, available, totals)

    return _account(activity.balances, activity, position)


def _read_lots(owner_id: UUID, lot_method: LotMethod) -> Account:
    balances = {row.asset: (row.available, row.held) for row in ledger.balances_of(owner_id)}
    traded = trades.by_symbol(owner_id=owner_id)

    def position(instrument: Instrument, available: int, held: int) -> Position:
        book = _book(traded.get(instrument.symbol, ()), lot_method)
        totals = Totals(
            instrument.asset.units(book.quantity),
            USD.units(book.cost_basis),
            USD.units(book.realized_pnl),
        )
        return Position(instrument, available + held, available, totals, book)

    return _account(balances, DayActivity(), position)


def _account(
    balances: Mapping[str, tuple[int, int]],
    activity: DayActivity,
    position: Callable[[Instrument, int, int], Position],
) -> Account:
    available_cents, held_cents = balances.get(USD.code, (0, 0))
    instruments = securities.by_symbols([asset for asset in balances if asset != USD.code])
    return Account(
        cash=USD.amount(available_cents + held_cents),
        available_cash=USD.amount(available_cents),
        positions=tuple(position(each, *balances[each.symbol]) for each in instruments),
        activity=activity,
    )


def _book(history: Iterable[Event], lot_method: LotMethod) -> LotBook:
    """The lots; an empty book if the history is incomplete."""
    try:
        return lots.match_lots(history, method=lot_method)
    except lots.OversoldPosition:
        return _NO_LOTS


def _unaccounted(account: Account) -> str:
    return ", ".join(
        position.instrument.symbol for position in account.positions if position.cost_basis is None
    )
