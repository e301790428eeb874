"""What a customer holds now, what it is worth, and what it has gained.

A bond's market value includes the interest that has accrued, as its cost includes the interest that
the buyer paid for, so the difference is what a sale would gain. Prices stay clean.

The day's change follows the quote: the whole quantity, times what the price has moved since the
previous close, whenever the quantity was bought. So it agrees with the change shown beside the
price, and is not the gain on what was bought today.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from exchange.market import quotes
from exchange.models import Instrument
from portfolio import positions, valuation
from portfolio.lots import LotMethod
from portfolio.positions import Account, Position

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One instrument that is held. Money in dollars, `weight` as a fraction of equity.

    `average_cost` is for one share or coin, or for 100 of face value; fees included.
    `accrued_interest` is a part of `market_value`; `day_change` is that of the (clean) price.
    None: the cost, when executions do not account for the whole quantity; value and change,
    without a quote; a percentage of nothing.
    """

    instrument: Instrument
    quantity: Decimal
    available_quantity: Decimal
    average_cost: Decimal | None
    cost_basis: Decimal | None
    price: Decimal | None
    accrued_interest: Decimal
    market_value: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_pnl_percent: Decimal | None
    day_change: Decimal | None
    day_change_percent: Decimal | None
    realized_pnl: Decimal
    weight: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all holdings, in dollars, and the cash beside them.

    `realized_pnl` also counts what is not held any more. `cash` includes what is held for orders
    and withdrawals; `equity` is cash and market value together.
    """

    cash: Decimal
    available_cash: Decimal
    market_value: Decimal
    equity: Decimal
    cost_basis: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    day_change: Decimal


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything held, by symbol."""

    results: tuple[Holding, ...]
    totals: Totals


def holdings(*, owner_id: UUID, lot_method: LotMethod, now: datetime) -> Holdings:
    """What the owner holds, at the newest prices. `now` is when interest has accrued to."""
    account = positions.read(owner_id=owner_id, lot_method=lot_method)
    held = [position for position in account.positions if position.units]
    values = [_market_value(position, now) for position in held]
    equity = account.cash + _total(values)
    rows = tuple(
        _holding(position, value, equity, now) for position, value in zip(held, values, strict=True)
    )
    return Holdings(rows, _totals(account, rows, equity))


def _market_value(position: Position, now: datetime) -> Decimal | None:
    if position.quote is None:
        return None
    return valuation.market_value(
        position.instrument,
        position.units,
        price=position.quote.price,
        accrued=quotes.accrued_interest(position.instrument, now),
    )


def _holding(position: Position, value: Decimal | None, equity: Decimal, now: datetime) -> Holding:
    instrument, quote, cost = position.instrument, position.quote, position.cost_basis
    gain = None if value is None or cost is None else value - cost
    moved = None if quote is None else quote.price - quote.previous_close
    return Holding(
        instrument=instrument,
        quantity=position.quantity,
        available_quantity=position.available_quantity,
        average_cost=None
        if cost is None
        else valuation.unit_cost(instrument, cost, position.quantity),
        cost_basis=cost,
        price=None if quote is None else quote.price,
        accrued_interest=valuation.accrued_interest(instrument, position.units, now),
        market_value=value,
        unrealized_pnl=gain,
        unrealized_pnl_percent=None
        if gain is None or cost is None
        else valuation.percent(gain, cost),
        day_change=None if moved is None else valuation.dollars(instrument, position.units, moved),
        day_change_percent=None
        if moved is None or quote is None
        else valuation.percent(moved, quote.previous_close),
        realized_pnl=position.book.realized_pnl,
        weight=value / equity if value is not None and equity else None,
    )


def _totals(account: Account, rows: Iterable[Holding], equity: Decimal) -> Totals:
    rows = tuple(rows)
    return Totals(
        cash=account.cash,
        available_cash=account.available_cash,
        market_value=equity - account.cash,
        equity=equity,
        cost_basis=_total(row.cost_basis for row in rows),
        unrealized_pnl=_total(row.unrealized_pnl for row in rows),
        realized_pnl=_total(position.book.realized_pnl for position in account.positions),
        day_change=_total(row.day_change for row in rows),
    )


def _total(values: Iterable[Decimal | None]) -> Decimal:
    """The sum of what is known."""
    return sum((value for value in values if value is not None), ZERO)
