"""Past quantities and prices restated in today's shares, as candles are.

The journal and executions are in the shares of their time. A split restates candles, so what is
valued with them is restated too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from banking.rules.assets import EXACT
from be.database import statements
from be.database.rows import Columns
from exchange.models import ActionKind, CorporateAction

Splits = dict[str, list[tuple[datetime, Fraction]]]

_TERMS = ("carried_out_at", "new_shares", "old_shares")
_ACTION = ", ".join(f"action.{name}" for name in _TERMS)
_terms = Columns(CorporateAction, _TERMS).load


def by_symbol(symbols: Collection[str]) -> Splits:
    """The splits carried out, by symbol: when, and how many new shares for one old share."""
    if not symbols:
        return {}
    condition, values = statements.is_in("instrument.symbol", [*symbols])
    rows = statements.query(
        f"SELECT instrument.symbol, {_ACTION} FROM exchange_corporateaction action "
        "JOIN exchange_instrument instrument ON instrument.id = action.instrument_id "
        f"WHERE action.kind = %s AND action.carried_out_at IS NOT NULL AND {condition}",
        (ActionKind.SPLIT.value, *values),
    )
    found: Splits = defaultdict(list)
    for symbol, *terms in rows:
        at, new, old = _terms(tuple(terms))
        found[symbol].append((at, Fraction(new or 0, old or 1)))
    return found


def ratio_since(at: datetime, splits: Iterable[tuple[datetime, Fraction]]) -> Fraction:
    """How many of today's shares one share of that time has become."""
    ratio = Fraction(1)
    for split_at, each in splits:
        if split_at > at:
            ratio *= each
    return ratio


def units_today(
    times: Sequence[datetime], units: Sequence[int], splits: Sequence[tuple[datetime, Fraction]]
) -> list[int]:
    """The units at each time in today's shares, rounded down to whole units."""
    if not splits:
        return list(units)
    return [int(count * ratio_since(at, splits)) for at, count in zip(times, units, strict=True)]


def price_today(
    price: Decimal, at: datetime, splits: Iterable[tuple[datetime, Fraction]]
) -> Decimal:
    """The price of one of today's shares, where `price` was paid for a share of that time."""
    ratio = ratio_since(at, splits)
    if ratio == 1:
        return price
    return EXACT.divide(EXACT.multiply(price, Decimal(ratio.denominator)), ratio.numerator)
