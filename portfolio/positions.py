"""What a customer has and what it had cost: quantities of the ledger beside the lots of trades."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking import ledger
from banking.rules.assets import USD
from exchange.models import Instrument, Quote
from portfolio import day, trades
from portfolio.day import Day
from portfolio.rules import lots
from portfolio.rules.lots import Event, LotBook, LotMethod

logger = logging.getLogger(__name__)

READS = 3

_NO_LOTS = LotBook(open=(), realized=())


@dataclass(frozen=True, slots=True)
class Position:
    """One instrument that is held, or was: `units` and `available_units` as the ledger has them.

    `book` has the lots and realized gains that follow from the executions. `instrument` comes with
    its bond and quote, if there are any.
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

        The quantity is the ledger's in any case.
        """
        return self.book.cost_basis if self.book.quantity == self.quantity else None


@dataclass(frozen=True, slots=True)
class Account:
    """Dollars (`cash` includes what is held), positions by symbol, and what moved of late."""

    cash: Decimal
    available_cash: Decimal
    positions: tuple[Position, ...]
    day: Day = field(default_factory=Day)


def read(*, owner_id: UUID, lot_method: LotMethod, since: datetime | None = None) -> Account:
    """The owner's account as it is now, with what moved in it `since` a moment, if there is one.

    Balances are of one moment, but executions are read after them. A fill in between makes the
    two differ, so they are read again before a difference is believed.
    """
    account = _read(owner_id, lot_method, since)
    for _ in range(READS - 1):
        if not _unaccounted(account):
            return account
        account = _read(owner_id, lot_method, since)
    if unaccounted := _unaccounted(account):
        logger.error("owner %s: ledger and executions differ in %s", owner_id, unaccounted)
    return account


def _read(owner_id: UUID, lot_method: LotMethod, since: datetime | None) -> Account:
    balances = {row.asset: (row.available, row.held) for row in ledger.balances_of(owner_id)}
    today = Day() if since is None else day.read(owner_id=owner_id, since=since)
    # Newer, and of the moment of what moved; in all other accounts nothing did.
    balances |= today.balances
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
        day=today,
    )


def _book(history: Iterable[Event], lot_method: LotMethod) -> LotBook:
    """The lots; none at all from a history that is incomplete."""
    try:
        return lots.match_lots(history, method=lot_method)
    except lots.OversoldPosition:
        return _NO_LOTS


def _unaccounted(account: Account) -> str:
    return ", ".join(
        position.instrument.symbol for position in account.positions if position.cost_basis is None
    )
