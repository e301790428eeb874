"""What a customer holds now, what it is worth, and what it has gained.

A bond's market value includes accrued interest, as its cost includes the interest that the buyer
paid. So the difference is what a sale would gain. Prices are clean.

The day's change is the gain since the last close: value now, less value then, less what was put in
since. What was bought today counts from what was paid for it. The price change is another figure:
it follows the quote from its previous close, whenever the quantity was bought.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking.rules.assets import USD
from exchange.market import quotes
from exchange.models import Instrument, Interval
from portfolio import (
    day_activity,
    lot_settings,
    past_values,
    positions,
    prices,
    splits,
    valuation,
)
from portfolio.day_activity import DayActivity
from portfolio.past_values import Grid
from portfolio.positions import Account, Position
from portfolio.rules.lots import LotMethod

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One instrument that is held. Money in dollars, `weight` as a fraction of equity.

    `average_cost` is for one share or coin, or for 100 of face value. `fees` are those of all its
    trades that are in neither costs nor gains: zero, unless the owner has chosen to leave them out.
    `accrued_interest` is a part of `market_value`. `day_change` is the gain of the position since
    the last close, with trades, fees, interest and dividends; `day_change_percent` is of the value
    then plus what was bought since. `price_change` is the change of the (clean) price since the
    quote's previous close, and `price_change_value` that for the whole quantity.
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
    price_change: Decimal | None
    price_change_percent: Decimal | None
    price_change_value: Decimal | None
    realized_pnl: Decimal
    fees: Decimal
    weight: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all holdings, in dollars, and the cash beside them.

    `realized_pnl`, `fees` and `day_change` also count what is not held any more. `cash` includes
    what is held for orders and withdrawals; `debt` is owed. `equity` is cash and market value
    together, less the debt.
    `day_change` is equity less `last_close_equity` less `day_net_deposits`, which are those since
    that close.
    """

    cash: Decimal
    available_cash: Decimal
    debt: Decimal
    market_value: Decimal
    equity: Decimal
    cost_basis: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    fees: Decimal
    day_change: Decimal
    last_close_equity: Decimal
    day_net_deposits: Decimal


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything held, by symbol."""

    results: tuple[Holding, ...]
    totals: Totals


def holdings(*, owner_id: UUID, lot_method: LotMethod | None, now: datetime) -> Holdings:
    """What the owner holds, at the newest prices. `now` is when interest has accrued to.

    Without a lot method, by the owner's own.
    """
    close = day_activity.last_close(now)
    matching = lot_settings.matching(owner_id, lot_method)
    account = positions.read(owner_id=owner_id, lot_method=matching, since=close)
    held = [position for position in account.positions if position.units]
    values = [_market_value(position, now) for position in held]
    at_close = _values_at_close(account, close)
    equity = account.cash - account.debt + _total(values)
    rows = tuple(
        _holding(
            position,
            value,
            _gained_today(position, value, at_close, account.activity),
            equity,
            now,
        )
        for position, value in zip(held, values, strict=True)
    )
    return Holdings(rows, _totals(account, rows, equity, _total(at_close.values())))


def _market_value(position: Position, now: datetime) -> Decimal | None:
    if position.quote is None:
        return None
    return valuation.market_value(
        position.instrument,
        position.units,
        price=position.quote.price,
        accrued=quotes.accrued_interest(position.instrument, now),
    )


def _values_at_close(account: Account, close: datetime) -> dict[str, Decimal]:
    """Dollars that each position was worth at the last close, by symbol."""
    activity = account.activity.instruments
    split_today = {each.instrument for each in account.positions if activity[each.symbol].was_split}
    symbols = [instrument.symbol for instrument in split_today]
    past_splits = splits.by_symbol(symbols)
    exact = prices.closes(symbols=symbols, interval=Interval.ONE_DAY, start=close, end=close)
    at_close = Grid([close])
    values = {}
    for position in account.positions:
        quote, units = position.quote, position.units - activity[position.symbol].units
        if quote is not None and units:
            (units,) = splits.units_today([close], [units], past_splits.get(position.symbol, ()))
            # A split rounds the quote's previous close to the price grid; the candle's is exact.
            (known,) = past_values.newest_prices(at_close, exact.get(position.symbol, []))
            values[position.symbol] = valuation.market_value(
                position.instrument,
                units,
                price=known or day_activity.price_at(close, quote),
                accrued=quotes.accrued_interest(position.instrument, close),
            )
    return values


def _gained_today(
    position: Position, value: Decimal | None, at_close: Mapping[str, Decimal], today: DayActivity
) -> tuple[Decimal | None, Decimal | None]:
    """Dollars gained, and percent of the value at the close plus what was bought since."""
    if value is None:
        return None, None
    activity, before = today.instruments[position.symbol], at_close.get(position.symbol, ZERO)
    gain = value - before + USD.amount(activity.received - activity.spent)
    return gain, valuation.percent(gain, before + USD.amount(activity.spent))


def _holding(
    position: Position,
    value: Decimal | None,
    today: tuple[Decimal | None, Decimal | None],
    equity: Decimal,
    now: datetime,
) -> Holding:
    instrument, quote, cost = position.instrument, position.quote, position.cost_basis
    gain = None if value is None or cost is None else value - cost
    price_change = None if quote is None else quote.price - quote.previous_close
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
        day_change=today[0],
        day_change_percent=today[1],
        price_change=price_change,
        price_change_percent=None
        if price_change is None or quote is None
        else valuation.percent(price_change, quote.previous_close),
        price_change_value=None
        if price_change is None
        else valuation.dollars(instrument, position.units, price_change),
        realized_pnl=position.realized_pnl,
        fees=position.fees,
        weight=value / equity if value is not None and equity else None,
    )


def _totals(
    account: Account, rows: Sequence[Holding], equity: Decimal, value_at_close: Decimal
) -> Totals:
    net_deposits = USD.amount(account.activity.flow_cents)
    net_cash = account.cash - account.debt
    at_close = net_cash - USD.amount(account.activity.cash_cents) + value_at_close
    return Totals(
        cash=account.cash,
        available_cash=account.available_cash,
        debt=account.debt,
        market_value=equity - net_cash,
        equity=equity,
        cost_basis=_total(row.cost_basis for row in rows),
        unrealized_pnl=_total(row.unrealized_pnl for row in rows),
        realized_pnl=_total(position.realized_pnl for position in account.positions),
        fees=_total(position.fees for position in account.positions),
        day_change=equity - at_close - net_deposits,
        last_close_equity=at_close,
        day_net_deposits=net_deposits,
    )


def _total(values: Iterable[Decimal | None]) -> Decimal:
    """The sum of what is known."""
    return sum((value for value in values if value is not None), ZERO)
