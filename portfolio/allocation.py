"""How a customer's equity is spread over instruments and asset classes, cash among them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking.rules.assets import USD
from portfolio import holdings
from portfolio.rules import lots

CASH = "cash"

ZERO = Decimal(0)
_WHOLE = 10_000  # 100.00 percent


@dataclass(frozen=True, slots=True)
class Part:
    """The value of a symbol in dollars, and its percentage of equity (two decimals)."""

    symbol: str
    name: str
    asset_class: str
    market_value: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class ClassPart:
    """The same for an asset class: the sum over its symbols."""

    asset_class: str
    market_value: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Allocation:
    """Both lists are largest first. Unless empty, their percentages sum to exactly 100.00.

    For that, a percentage may differ from the exact one by less than 0.01.
    """

    equity: Decimal
    by_asset_class: tuple[ClassPart, ...]
    by_instrument: tuple[Part, ...]


def allocation(*, owner_id: UUID, now: datetime) -> Allocation:
    """The parts of the owner's equity: cash (symbol "USD") and all worth a cent or more.

    A debt lessens the cash. What it leaves below zero is no part, and then the parts together are
    more than equity.
    """
    # Values do not depend on the lot method; lots by the owner's own are stored, if any are.
    found = holdings.holdings(owner_id=owner_id, lot_method=None, now=now)
    values = [
        (USD.code, "US dollar", CASH, found.totals.cash - found.totals.debt),
        *(
            (row.instrument.symbol, row.instrument.name, row.instrument.asset_class, value)
            for row in found.results
            if (value := row.market_value) is not None
        ),
    ]
    ranked = sorted((value for value in values if value[-1] > 0), key=lambda value: -value[-1])
    percents = lots.spread(_WHOLE, by=[USD.units(value[-1]) for value in ranked])
    parts = tuple(
        Part(*value, Decimal(percent).scaleb(-2))
        for value, percent in zip(ranked, percents, strict=True)
    )
    return Allocation(found.totals.equity, _by_class(parts), parts)


def _by_class(parts: tuple[Part, ...]) -> tuple[ClassPart, ...]:
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for part in parts:
        value, percent = sums.get(part.asset_class, (ZERO, ZERO))
        sums[part.asset_class] = (value + part.market_value, percent + part.percent)
    rows = [ClassPart(asset_class, *total) for asset_class, total in sums.items()]
    return tuple(sorted(rows, key=lambda row: -row.market_value))
