"""What each instrument has earned in a period, and how much of the account's return that was.

The account's return is linked over its own intervals: between its regular times and its flows. In
each, an instrument gains the change of its value, plus the money that it gave, less what it took:
so fees lower, and dividends and coupons raise, the gain of their instrument. Cash earns nothing by
itself; where the account gained what no instrument explains, it is a row of cash. That happens when
something is booked late, with a time before a flow that was valued without it.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from banking.rules.assets import USD
from portfolio import (
    equity_series,
    income,
    instrument_changes,
    instrument_gains,
    periods,
    securities,
)
from portfolio.equity_series import Chain
from portfolio.income import Income
from portfolio.instrument_gains import Gains
from portfolio.periods import Period, Window
from portfolio.risk_figures import Why
from portfolio.rules import contribution as linking
from portfolio.rules import grids, returns
from portfolio.rules.grids import Integers

CASH = "cash"
OF_PERIOD = ("time_weighted_return", "contribution")
"""Figures that may be missing."""

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """Money in dollars. `gain` is `market_gain` plus `income` less `fees`.

    `income` are dividends and coupons, less what was taken back. `contribution` is the share in the
    time-weighted return, as a fraction of what the account was worth; None if there is no return.
    """

    contribution: float | None
    gain: Decimal
    market_gain: Decimal
    income: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OfInstrument(Earned):
    """One instrument, or cash (symbol "USD")."""

    symbol: str
    name: str
    asset_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfClass(Earned):
    """An asset class: the sum of its instruments."""

    asset_class: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """The invested share of equity at each regular time, and that of each asset class.

    Fractions; above 1 would be more than the account is worth. None where it is worth nothing.
    """

    times: Sequence[datetime] = ()
    invested: Sequence[float | None] = ()
    by_asset_class: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A period of an account. Money and returns are those of `performance.performance`.

    Rows are in order of their gain, largest first. Their gains add up to `gain` exactly, and their
    contributions to `time_weighted_return`, but for the rounding of floats. None is a figure that
    can't be had, and `reasons` say why.
    """

    period: Period
    start: datetime | None = None
    end: datetime | None = None
    gain: Decimal | None = None
    market_gain: Decimal | None = None
    income: Decimal | None = None
    fees: Decimal | None = None
    time_weighted_return: float | None = None
    by_instrument: tuple[OfInstrument, ...] = ()
    by_asset_class: tuple[OfClass, ...] = ()
    exposure: Exposure = Exposure()
    reasons: Mapping[str, str] = field(default_factory=dict)


def contribution(*, owner_id: UUID, period: Period, now: datetime) -> Contribution:
    """What the owner's instruments have earned over the period that ends now.

    Without any deposit, there are no rows and all figures are None.
    """
    changes = instrument_changes.read(
        owner_id=owner_id, until=now, steps=periods.steps(period, now=now)
    )
    movements = changes.movements
    if not movements.flows:
        return Contribution(period=period, reasons=dict.fromkeys(OF_PERIOD, Why.NO_DEPOSITS))
    window = periods.window(period, opened_at=movements.flows[0].at, now=now)
    instruments = securities.by_symbols(changes.moved_since(window.start))
    account = equity_series.account_of(owner_id, window, movements, instruments)
    flows = movements.flows_in(window)
    valued = equity_series.value(account, flows)
    chain = equity_series.chain(valued)
    parts = instrument_gains.by_instrument(instruments, changes, window, valued, chain)
    gain = (
        chain.worth[-1]
        - (0 if window.from_opening else chain.worth[0])
        - sum(flow.cents for flow in flows)
    )
    rest = instrument_gains.unexplained(parts, chain)
    shares = None
    if valued.had_money:
        intervals = [*(part.intervals for part in parts), rest]
        shares = linking.contributions(intervals, worth=chain.worth, flows=chain.flows)
    rows = _rows(parts, shares, gain, _paid(owner_id, window), changes.fees)
    if not rest.any() and not rows[-1].gain:
        rows.pop()
    total = returns.twr_of_cents(chain.worth, chain.flows)[-1] if valued.had_money else None
    return _of_period(period, window, rows, total, _exposure(parts, chain, valued.grid.times))


def _paid(owner_id: UUID, window: Window) -> Income:
    """Income after the start of the window, or of all time if it begins with the first deposit."""
    start = None if window.from_opening else window.start + _MOMENT
    return income.income(owner_id=owner_id, start=start, end=window.end + _MOMENT)


def _rows(
    parts: Sequence[Gains],
    shares: Sequence[float] | None,
    gain: int,
    paid: Income,
    fees: Mapping[str, int],
) -> list[OfInstrument]:
    """A row for each instrument, largest gain first, and one of cash in the end."""
    income_of = {row.payer.symbol: row.total for row in paid.by_instrument}
    rows = []
    for place, part in enumerate(parts):
        symbol = part.instrument.symbol
        total, paid_in = USD.amount(part.gain), income_of.get(symbol, Decimal(0))
        cost = USD.amount(fees.get(symbol, 0))
        rows.append(
            OfInstrument(
                contribution=None if shares is None else shares[place],
                gain=total,
                market_gain=total - paid_in + cost,
                income=paid_in,
                fees=cost,
                symbol=symbol,
                name=part.instrument.name,
                asset_class=part.instrument.asset_class,
            )
        )
    rest = USD.amount(gain) - sum((row.gain for row in rows), Decimal(0))
    rows.sort(key=lambda row: (-row.gain, row.symbol))
    cash = OfInstrument(
        contribution=None if shares is None else shares[-1],
        gain=rest,
        market_gain=rest,
        income=Decimal(0),
        fees=Decimal(0),
        symbol=USD.code,
        name="US dollar",
        asset_class=CASH,
    )
    return [*rows, cash]


def _of_period(
    period: Period,
    window: Window,
    rows: Sequence[OfInstrument],
    total_return: float | None,
    exposure: Exposure,
) -> Contribution:
    why = Why.NO_TIME if window.start == window.end else Why.NO_MONEY
    total = _sum(rows)
    by_class: dict[str, list[OfInstrument]] = defaultdict(list)
    for row in rows:
        by_class[row.asset_class].append(row)
    classes = [OfClass(asset_class=name, **_sum(each)) for name, each in by_class.items()]
    return Contribution(
        period=period,
        start=window.start,
        end=window.end,
        gain=total["gain"],
        market_gain=total["market_gain"],
        income=total["income"],
        fees=total["fees"],
        time_weighted_return=total_return,
        by_instrument=tuple(rows),
        by_asset_class=tuple(sorted(classes, key=lambda row: (-row.gain, row.asset_class))),
        exposure=exposure,
        reasons=dict.fromkeys(OF_PERIOD, why) if total_return is None else {},
    )


def _sum(rows: Sequence[Earned]) -> dict[str, Any]:
    """The figures of `Earned`, added up; a contribution that can't be had is of all or of none."""
    shares = [row.contribution for row in rows if row.contribution is not None]
    return {
        "contribution": math.fsum(shares) if len(shares) == len(rows) else None,
        **{
            name: sum((getattr(row, name) for row in rows), Decimal(0))
            for name in ("gain", "market_gain", "income", "fees")
        },
    }


def _exposure(parts: Sequence[Gains], chain: Chain, times: Sequence[datetime]) -> Exposure:
    regular = np.array(chain.is_regular)
    equity = grids.integers(chain.worth)[regular]
    values: dict[str, Integers] = {}
    for part in parts:
        name = part.instrument.asset_class
        values[name] = values.get(name, np.zeros_like(equity)) + part.values[regular]
    total = sum(values.values(), np.zeros_like(equity))
    return Exposure(
        times,
        _shares(total, equity),
        {name: _shares(each, equity) for name, each in sorted(values.items())},
    )


def _shares(values: Integers, equity: Integers) -> list[float | None]:
    has_any = equity > 0
    shares = grids.quotients(values, np.where(has_any, equity, 1)).tolist()
    return [share if some else None for share, some in zip(shares, has_any.tolist(), strict=True)]
