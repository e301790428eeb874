"""Performance and holdings as the serializers write them, without the cost of a serializer a row.

The serializers stay the source of the schema, and a test holds these documents against them.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from be.api.json_answers import encoded
from be.kernel.formats import money_cents, plain, price_text, time_text
from portfolio.api.fields import (
    FractionField,
    MoneyField,
    PercentField,
    RatioField,
    fixed,
)
from portfolio.equity_series import SeriesPoints
from portfolio.holdings import Holding, Holdings
from portfolio.performance import Performance
from portfolio.risk_figures import DayReturn
from portfolio.rules.risk import Drawdown

Document = dict[str, Any]


def performance(found: Performance) -> bytes:
    """The document of `PerformanceSerializer`, as JSON."""
    document = {
        "period": found.period.value,
        "benchmark": found.benchmark,
        "start": _time(found.start),
        "end": _time(found.end),
        "start_equity": _money(found.start_equity),
        "end_equity": _money(found.end_equity),
        "net_deposits": _money(found.net_deposits),
        "gain": _money(found.gain),
        "time_weighted_return": _fraction(found.time_weighted_return),
        "money_weighted_return": _fraction(found.money_weighted_return),
        "annualized_return": _fraction(found.annualized_return),
        "volatility": _fraction(found.risk.volatility),
        "sharpe_ratio": _ratio(found.risk.sharpe_ratio),
        "sortino_ratio": _ratio(found.risk.sortino_ratio),
        "max_drawdown": None if found.max_drawdown is None else _drawdown(found.max_drawdown),
        "beta": _ratio(found.risk.beta),
        "alpha": _fraction(found.risk.alpha),
        "benchmark_return": _fraction(found.benchmark_return),
        "calmar_ratio": _ratio(found.calmar_ratio),
        "correlation": _ratio(found.risk.correlation),
        "tracking_error": _fraction(found.risk.tracking_error),
        "information_ratio": _ratio(found.risk.information_ratio),
        "best_day": _day_return(found.risk.best_day),
        "worst_day": _day_return(found.risk.worst_day),
        "win_rate": _fraction(found.risk.win_rate),
        "conventions": {
            "time_weighted_return": found.conventions.time_weighted_return,
            "money_weighted_return": found.conventions.money_weighted_return,
            "periods_per_year": found.conventions.periods_per_year,
            "risk_free_rate": _fraction(found.conventions.risk_free_rate),
        },
        "reasons": found.reasons,
        "series": _series(found.series),
    }
    return encoded(document)


def _drawdown(found: Drawdown) -> Document:
    return {
        "percent": _percent(found.percent),
        "start": time_text(found.start),
        "trough": time_text(found.trough),
        "recovered": _time(found.recovered),
    }


def _day_return(found: DayReturn | None) -> Document | None:
    if found is None:
        return None
    return {"day": found.day.isoformat(), "day_return": _fraction(found.day_return)}


def _series(points: SeriesPoints) -> msgspec.Raw:
    """A text for each point, without an object: all that is in it is plain ASCII."""
    # Money comes and goes rarely, so its texts repeat.
    deposits = {cents: money_cents(cents) for cents in {*points.net_deposit_cents}}
    written = ",".join(
        [
            f'{{"time":"{time_text(time)}","equity":"{money_cents(equity)}",'
            f'"net_deposits":"{deposits[net_deposits]}","time_weighted_return":{own},'
            f'"benchmark_return":{benchmark}}}'
            for time, equity, net_deposits, own, benchmark in zip(
                points.times,
                points.equity_cents,
                points.net_deposit_cents,
                _fractions(points.time_weighted_returns),
                _fractions(points.benchmark_returns),
                strict=True,
            )
        ]
    )
    return msgspec.Raw(f"[{written}]".encode())


def _fractions(values: Sequence[float | None]) -> list[str]:
    """Each as `FractionField` writes it, or null."""
    form, minus_zero = f'"%.{FractionField.places}f"', f'"{-0.0:.{FractionField.places}f}"'
    texts = ["null" if value is None else form % value for value in values]
    zero = fixed(0.0, FractionField.places)
    return [f'"{zero}"' if text == minus_zero else text for text in texts]


def holdings(found: Holdings) -> Document:
    """The document of `HoldingsSerializer`."""
    totals = found.totals
    return {
        "results": [_holding(row) for row in found.results],
        "totals": {
            "cash": _money(totals.cash),
            "available_cash": _money(totals.available_cash),
            "debt": _money(totals.debt),
            "market_value": _money(totals.market_value),
            "equity": _money(totals.equity),
            "cost_basis": _money(totals.cost_basis),
            "unrealized_pnl": _money(totals.unrealized_pnl),
            "realized_pnl": _money(totals.realized_pnl),
            "fees": _money(totals.fees),
            "day_change": _money(totals.day_change),
            "last_close_equity": _money(totals.last_close_equity),
            "day_net_deposits": _money(totals.day_net_deposits),
        },
    }


def _holding(row: Holding) -> Document:
    instrument = row.instrument
    increment = instrument.price_increment
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "quantity": plain(row.quantity),
        "available_quantity": plain(row.available_quantity),
        "average_cost": _price(row.average_cost, increment),
        "cost_basis": _money(row.cost_basis),
        "price": _price(row.price, increment),
        "accrued_interest": _money(row.accrued_interest),
        "market_value": _money(row.market_value),
        "unrealized_pnl": _money(row.unrealized_pnl),
        "unrealized_pnl_percent": _percent(row.unrealized_pnl_percent),
        "day_change": _money(row.day_change),
        "day_change_percent": _percent(row.day_change_percent),
        "price_change": _price(row.price_change, increment),
        "price_change_percent": _percent(row.price_change_percent),
        "price_change_value": _money(row.price_change_value),
        "realized_pnl": _money(row.realized_pnl),
        "fees": _money(row.fees),
        "weight": _fraction(row.weight),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


def _price(price: Decimal | None, increment: Decimal) -> str | None:
    return None if price is None else price_text(price, increment)


def _money(value: Decimal | None) -> str | None:
    return None if value is None else fixed(value, MoneyField.places)


def _percent(value: Decimal | float | None) -> str | None:
    return None if value is None else fixed(value, PercentField.places)


def _fraction(value: Decimal | float | None) -> str | None:
    return None if value is None else fixed(value, FractionField.places)


def _ratio(value: float | None) -> str | None:
    return None if value is None else fixed(value, RatioField.places)
