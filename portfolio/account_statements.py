"""Account statements: what an account was worth at both ends of a month or year, and why.

All figures follow from what was booked up to the end of the period, and from daily closes, which
are kept for ever: a statement of the past stays as it is. A mistake that is corrected later is
booked later, in the period of the correction.

Two sums hold to the cent. Equity at the start, with what banks brought, income, realized gains and
the change of unrealized ones, is equity at the end; and cash at the start, with each movement that
is listed, is cash at the end. Fees are part of the cost of a purchase and are taken off the
proceeds of a sale, so they are in the gains; or, if the owner has chosen so, beside them.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from authentication.models import User
from banking.models import EntryKind
from exchange.models import ActionKind, Instrument, Side
from portfolio import (
    lot_settings,
    past_lots,
    past_positions,
    securities,
    statement_lines,
    statement_periods,
)
from portfolio.instants import time_of
from portfolio.past_lots import NO_COST, Cost, PastLots
from portfolio.past_positions import PastAccount, PastPosition
from portfolio.rules import lots
from portfolio.rules.lots import LotMethod, Term
from portfolio.statement_lines import Change, Delivery, Payment, Trade, Transfer
from portfolio.statement_periods import StatementPeriod

logger = logging.getLogger(__name__)

# Between two reads of a period that runs, an order may be filled.
MAX_READS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityChange:
    """Why equity was another at the end than at the start, in cents; they add up.

    What lots from another broker had gained before they came is in no gain. `fees` are those that
    are not in the gains, below zero. `other` is what came or went without a deposit, a trade or a
    payment.
    """

    opening: int
    net_deposits: int
    income: int
    realized_gains: int
    unrealized_gains: int
    fees: int
    other: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CashChange:
    """Every kind of movement of cash, signed, in cents; they add up, as equity's do.

    Securities from another broker come in as money (`transfers_in`) that pays for their delivery.
    """

    opening: int
    deposits: int
    withdrawals: int
    returned_deposits: int
    transfers_in: int
    adjustments: int
    deliveries: int
    purchases: int
    sales: int
    redemptions: int
    dividends: int
    coupons: int
    reversals: int
    other: int
    closing: int

    @property
    def net_deposits(self) -> int:
        paid = self.deposits + self.withdrawals + self.returned_deposits
        return paid + self.transfers_in + self.adjustments

    @property
    def income(self) -> int:
        return self.dividends + self.coupons + self.reversals


@dataclass(frozen=True, slots=True)
class Gain:
    """The part of a sale that came out of one lot; money in cents.

    Fees are in the cost and taken off the proceeds, unless the owner has chosen otherwise.
    `sale_id` is the execution or redemption, `lot_id` the execution that bought it.
    """

    sale_id: str
    lot_id: str
    symbol: str
    units: int
    acquired_at: datetime
    sold_at: datetime
    proceeds: int
    cost: int
    term: Term

    @property
    def gain(self) -> int:
        return self.proceeds - self.cost


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position at the end; `cost` in cents, None where trades don't account for all of it."""

    held: PastPosition
    cost: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The statement of one period; `as_of` is its end, or now while it runs.

    `instruments` are those that are named in it, by symbol.
    """

    period: StatementPeriod
    as_of: datetime
    is_preliminary: bool
    holder: str
    email: str
    lot_method: LotMethod
    fees_in_cost: bool
    equity: EquityChange
    cash: CashChange
    fees: int
    transfers: Sequence[Transfer]
    deliveries: Sequence[Delivery]
    trades: Sequence[Trade]
    payments: Sequence[Payment]
    changes: Sequence[Change]
    gains: Sequence[Gain]
    holdings: Sequence[HeldPosition]
    instruments: dict[str, Instrument]


@dataclass(frozen=True, slots=True)
class _Booked:
    """What was booked in the period."""

    transfers: list[Transfer]
    deliveries: list[Delivery]
    trades: list[Trade]
    payments: list[Payment]
    changes: list[Change]

    @property
    def symbols(self) -> set[str]:
        """What was traded, delivered or changed."""
        return {
            *(each.symbol for each in self.trades),
            *(each.symbol for each in self.deliveries),
            *(each.symbol for each in self.changes),
        }

    @property
    def gained_elsewhere(self) -> int:
        """Cents that lots from another broker had gained before they came."""
        return sum(each.value_cents - each.cost_cents for each in self.deliveries)


def periods(*, owner_id: UUID, now: datetime) -> list[StatementPeriod]:
    """Months and years since the owner's account was opened, newest first; the running ones too."""
    return statement_periods.since(statement_lines.opened_at(owner_id), now=now)


def statement(*, owner: User, name: str, now: datetime) -> Statement:
    """The owner's statement of the period with this name, such as 2026-10 or 2026.

    Raises UnknownPeriod, PeriodNotBegun and BeforeAccountOpened.
    """
    opened_at = statement_lines.opened_at(owner.pk)
    period = statement_periods.find(name, opened_at=opened_at, now=now)
    for _ in range(MAX_READS):
        found = _read(owner, period, now)
        if not (found.cash.other or found.equity.other) or now > period.end:
            break
    if found.cash.other:
        logger.error("owner %s: cash of %s is not explained", owner.pk, period.id)
    return found


def _read(owner: User, period: StatementPeriod, now: datetime) -> Statement:
    end, (matching, fees_in_cost) = min(period.end, now), lot_settings.chosen(owner.pk)
    opening = past_positions.read(owner_id=owner.pk, at=period.start, is_now=False)
    closing = past_positions.read(owner_id=owner.pk, at=end, is_now=end < period.end)
    booked = _booked(owner.pk, closing, period.start, end)
    folded = past_lots.between(
        owner_id=owner.pk,
        symbols=sorted({*opening.positions, *closing.positions, *booked.symbols}),
        lot_method=matching,
        fees_in_cost=fees_in_cost,
        start=period.start,
        end=end,
    )
    gains = list(_gains(folded))
    cash = _cash_change(opening, closing, booked)
    named = {*booked.symbols, *closing.positions, *(each.symbol for each in booked.payments)}
    return Statement(
        period=period,
        as_of=end,
        is_preliminary=period.is_preliminary(now),
        holder=f"{owner.first_name} {owner.last_name}".strip(),
        email=owner.email,
        lot_method=lot_settings.method_of_day(matching, end),
        fees_in_cost=fees_in_cost,
        equity=_equity_change(opening, closing, folded, cash, gains, booked),
        cash=cash,
        fees=sum(each.fee_cents for each in booked.trades),
        transfers=booked.transfers,
        deliveries=booked.deliveries,
        trades=booked.trades,
        payments=booked.payments,
        changes=booked.changes,
        gains=gains,
        holdings=[
            HeldPosition(each, _cost(each, folded.closing)) for each in closing.positions.values()
        ],
        instruments={each.symbol: each for each in securities.by_symbols(sorted(named))},
    )


def _booked(owner_id: UUID, closing: PastAccount, start: datetime, end: datetime) -> _Booked:
    return _Booked(
        statement_lines.transfers(closing.flows, start=start),
        statement_lines.deliveries(owner_id=owner_id, start=start, end=end),
        statement_lines.executed(owner_id=owner_id, start=start, end=end),
        statement_lines.payments(owner_id=owner_id, start=start, end=end),
        statement_lines.changes(owner_id=owner_id, start=start, end=end),
    )


def _gains(folded: PastLots) -> Iterable[Gain]:
    """The parts of all sales, in the order of time."""
    sales = [(sale, symbol) for symbol, sold in folded.sales.items() for sale in sold]
    for sale, symbol in sorted(sales, key=lambda each: (each[0].sold, each[0].id)):
        sold_at = time_of(sale.sold)
        for part in sale.parts:
            acquired_at = time_of(part.acquired)
            term = lots.holding_term(acquired_at=acquired_at, sold_at=sold_at)
            yield Gain(
                sale_id=sale.id,
                lot_id=part.lot_id,
                symbol=symbol,
                units=part.units,
                acquired_at=acquired_at,
                sold_at=sold_at,
                proceeds=part.proceeds,
                cost=part.cost,
                term=term,
            )


def _cash_change(opening: PastAccount, closing: PastAccount, booked: _Booked) -> CashChange:
    moved = {
        "deposits": _sum(booked.transfers, kind=EntryKind.DEPOSIT),
        "withdrawals": _sum(booked.transfers, kind=EntryKind.WITHDRAWAL),
        "returned_deposits": _sum(booked.transfers, kind=EntryKind.DEPOSIT_RETURN),
        "transfers_in": _sum(booked.transfers, kind=EntryKind.TRANSFER_IN),
        "adjustments": _sum(booked.transfers, kind=EntryKind.ADJUSTMENT),
        "deliveries": -sum(each.value_cents for each in booked.deliveries),
        "purchases": sum(each.cents for each in booked.trades if each.side == Side.BUY),
        "sales": sum(each.cents for each in booked.trades if each.side == Side.SELL),
        "redemptions": _sum(booked.changes, kind=ActionKind.REDEMPTION),
        "dividends": _sum(booked.payments, kind=ActionKind.DIVIDEND),
        "coupons": _sum(booked.payments, kind=ActionKind.COUPON),
        "reversals": _sum(booked.payments, kind=EntryKind.REVERSAL),
    }
    listed = opening.cash_cents + sum(moved.values())
    return CashChange(
        opening=opening.cash_cents,
        **moved,
        other=closing.cash_cents - listed,
        closing=closing.cash_cents,
    )


def _sum(rows: Iterable[Transfer | Payment | Change], *, kind: str) -> int:
    return sum(each.cents for each in rows if each.kind == kind)


def _equity_change(
    opening: PastAccount,
    closing: PastAccount,
    folded: PastLots,
    cash: CashChange,
    gains: Iterable[Gain],
    booked: _Booked,
) -> EquityChange:
    realized = sum(each.gain for each in gains)
    unrealized = _unrealized(closing, folded.closing) - _unrealized(opening, folded.opening)
    unrealized -= booked.gained_elsewhere
    fees = -_fees_beside(folded)
    earned = cash.income + realized + unrealized + fees
    explained = opening.equity_cents + cash.net_deposits + earned
    return EquityChange(
        opening=opening.equity_cents,
        net_deposits=cash.net_deposits,
        income=cash.income,
        realized_gains=realized,
        unrealized_gains=unrealized,
        fees=fees,
        other=closing.equity_cents - explained,
        closing=closing.equity_cents,
    )


def _fees_beside(folded: PastLots) -> int:
    """The fees of the period's trades that are in no cost and no gain."""
    return sum(
        cost.fees - folded.opening.get(symbol, NO_COST).fees
        for symbol, cost in folded.closing.items()
        if cost.is_complete
    )


def _unrealized(account: PastAccount, costs: dict[str, Cost]) -> int:
    """The gains of all positions of which the cost is known."""
    known = ((each.value_cents, _cost(each, costs)) for each in account.positions.values())
    return sum(value - cost for value, cost in known if cost is not None)


def _cost(position: PastPosition, costs: dict[str, Cost]) -> int | None:
    cost = costs.get(position.instrument.symbol, NO_COST)
    return cost.cents if cost.is_complete and cost.units == position.units else None
