"""A customer's positions: quantities from the ledger, costs from the lots of executions."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking import ledger
from banking.rules.assets import USD
from exchange.models import Instrument, Quote
from portfolio import day_activity, trades
from portfolio.day_activity import DayActivity
from portfolio.rules import lots
from portfolio.rules.lots import Event, LotBook, LotMethod

logger = logging.getLogger(__name__)

MAX_READS = 3

_NO_LOTS = LotBook(open=(), realized=())


@dataclass(frozen=True, slots=True)
class Position:
    """One instrument that is or was held: `units` and `available_units` are those of the ledger.

    `book` has the lots and realized gains that follow from the executions. `instrument` has its
    bond and quote loaded, if there are any.
    """

    instrument: Instrument
    units: int
    available_units: int
    book: LotBook

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
        return self.book.cost_basis if self.book.quantity == self.quantity else None


@dataclass(frozen=True, slots=True)
class Account:
    """Dollars (`cash` includes held money), positions by symbol, and the activity since a close."""

    cash: Decimal
    available_cash: Decimal
    positions: tuple[Position, ...]
    activity: DayActivity = field(default_factory=DayActivity)


def read(*, owner_id: UUID, lot_method: LotMethod, since: datetime | None = None) -> Account:
    """The owner's account as it is now, with its activity `since` a moment, if one is given.

    Balances are of one moment, and executions are read after them. A fill in between makes the two
    differ, so both are read again before a difference is reported.
    """
    account = _read(owner_id, lot_method, since)
    for _ in range(MAX_READS - 1):
        if not _unaccounted(account):
            return account
        account = _read(owner_id, lot_method, since)
    if unaccounted := _unaccounted(account):
        logger.error("owner %s: ledger and executions differ in %s", owner_id, unaccounted)
    return account


def _read(owner_id: UUID, lot_method: LotMethod, since: datetime | None) -> Account:
    balances = {row.asset: (row.available, row.held) for row in ledger.balances_of(owner_id)}
    activity = DayActivity() if since is None else day_activity.read(owner_id=owner_id, since=since)
    # These are newer and belong to the activity; all other accounts have not moved.
    balances |= activity.balances
    available_cents, held_cents = balances.pop(USD.code, (0, 0))
    instruments = (
        Instrument.objects.filter(symbol__in=balances)
        .select_related("bond", "quote")
        .order_by("symbol")
    )
    traded = trades.by_symbol(owner_id=owner_id)
    return Account(
        cash=USD.amount(available_cents + held_cents),
        available_cash=USD.amount(available_cents),
        positions=tuple(
            Position(
                instrument,
                sum(balances[instrument.symbol]),
                balances[instrument.symbol][0],
                _book(traded.get(instrument.symbol, ()), lot_method),
            )
            for instrument in instruments
        ),
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
