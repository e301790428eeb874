"""A customer's positions: quantities from the ledger, costs from the lots of executions."""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking.rules.assets import USD
from exchange.models import Instrument, Quote
from portfolio import day_activity, kept_lots, securities
from portfolio.day_activity import Balance, DayActivity
from portfolio.kept_lots import Lots
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import Totals

logger = logging.getLogger(__name__)

MAX_READS = 3


@dataclass(frozen=True, slots=True)
class Position:
    """One instrument that is or was held: `units` and `available_units` are those of the ledger.

    `totals` are the sums over the lots and realized gains that follow from the executions.
    `instrument` has its bond and quote loaded, if there are any.
    """

    instrument: Instrument
    units: int
    available_units: int
    totals: Totals

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
        return USD.amount(self.totals.cost) if self.totals.units == self.units else None

    @property
    def realized_pnl(self) -> Decimal:
        """Dollars gained by all sales so far."""
        return USD.amount(self.totals.realized)

    @property
    def fees(self) -> Decimal:
        """Dollars of fees that are in neither costs nor gains, of all trades so far."""
        return USD.amount(self.totals.fees)


@dataclass(frozen=True, slots=True)
class Account:
    """Dollars (`cash` includes held money), positions by symbol, and the activity since a close."""

    cash: Decimal
    available_cash: Decimal
    debt: Decimal
    positions: tuple[Position, ...]
    activity: DayActivity = field(default_factory=DayActivity)


def read(*, owner_id: UUID, lot_method: Matching, since: datetime) -> Account:
    """The owner's account as it is now, with its activity `since` a moment.

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


def _read(owner_id: UUID, lot_method: Matching, since: datetime) -> Account:
    activity = day_activity.read(owner_id=owner_id, since=since)
    balances = activity.balances
    instruments = securities.by_symbols([asset for asset in balances if asset != USD.code])

    def positions(lots: Lots) -> tuple[Position, ...]:
        return tuple(
            Position(each, balance.owned, balance.available, lots.totals(each.symbol))
            for each, balance in ((each, balances[each.symbol]) for each in instruments)
        )

    dollars = balances.get(USD.code, Balance())
    return Account(
        cash=USD.amount(dollars.owned),
        available_cash=USD.amount(dollars.available),
        debt=USD.amount(dollars.debt),
        positions=kept_lots.read(owner_id=owner_id, lot_method=lot_method, answer=positions),
        activity=activity,
    )


def _unaccounted(account: Account) -> str:
    return ", ".join(
        position.instrument.symbol for position in account.positions if position.cost_basis is None
    )
