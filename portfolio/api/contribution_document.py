"""The answer of `contribution/`, as `contribution_serializers` describes it."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from be.api.json_answers import encoded
from be.kernel.formats import time_text
from portfolio.api.fields import FractionField, MoneyField, fixed
from portfolio.contribution import Contribution, Earned, Exposure
from portfolio.rules.contribution import rounded

Document = dict[str, Any]


def contribution(found: Contribution) -> bytes:
    """The document of `ContributionSerializer`, as JSON."""
    shares = _shares(found)
    of_class: dict[str, Decimal] = defaultdict(Decimal)
    for row, share in zip(found.by_instrument, shares, strict=True):
        of_class[row.asset_class] += share or 0
    has_return = found.time_weighted_return is not None
    document = {
        "period": found.period.value,
        "start": None if found.start is None else time_text(found.start),
        "end": None if found.end is None else time_text(found.end),
        **{name: _money(getattr(found, name)) for name in _MONEY},
        "time_weighted_return": _fraction(found.time_weighted_return),
        "by_instrument": [
            {
                **_earned(row, share),
                "symbol": row.symbol,
                "name": row.name,
                "asset_class": row.asset_class,
            }
            for row, share in zip(found.by_instrument, shares, strict=True)
        ],
        "by_asset_class": [
            {
                **_earned(row, of_class[row.asset_class] if has_return else None),
                "asset_class": row.asset_class,
            }
            for row in found.by_asset_class
        ],
        "conventions": {"time_weighted_return": "valued_at_each_flow", "contribution": "grap"},
        "reasons": found.reasons,
        "exposure": _exposure(found.exposure),
    }
    return encoded(document)


_MONEY = ("gain", "market_gain", "income", "fees")


def _shares(found: Contribution) -> Sequence[Decimal | None]:
    """The contributions as they are shown: they add up to the return as that is shown."""
    exact = [row.contribution for row in found.by_instrument if row.contribution is not None]
    if found.time_weighted_return is None or not exact:
        return [None] * len(found.by_instrument)
    return rounded(exact, total=found.time_weighted_return, places=FractionField.places)


def _earned(row: Earned, share: Decimal | None) -> Document:
    return {
        "contribution": _fraction(share),
        **{name: _money(getattr(row, name)) for name in _MONEY},
    }


def _exposure(found: Exposure) -> list[Document]:
    columns = {name: _fractions(each) for name, each in found.by_asset_class.items()}
    return [
        {
            "time": time_text(time),
            "invested": invested,
            "by_asset_class": {name: column[place] for name, column in columns.items()},
        }
        for place, (time, invested) in enumerate(
            zip(found.times, _fractions(found.invested), strict=True)
        )
    ]


def _fractions(values: Sequence[float | None]) -> list[str | None]:
    return [_fraction(value) for value in values]


def _fraction(value: Decimal | float | None) -> str | None:
    return None if value is None else fixed(value, FractionField.places)


def _money(value: Decimal | None) -> str | None:
    return None if value is None else fixed(value, MoneyField.places)
