"""The series by NumPy is the plain one, to the last digit: of accounts with random histories."""

import dataclasses
import random
from datetime import timedelta

import pytest

from banking import flows
from exchange.corporate import processing
from exchange.tests.corporate.actions import announce_split
from exchange.tests.market import make_bond
from portfolio import (
    daily,
    day_activity,
    equity_series,
    history,
    past_values,
    periods,
    securities,
)
from portfolio.periods import Period
from portfolio.rules import grids
from portfolio.tests import plain_series
from portfolio.tests.accounts import MONDAY, midnight
from portfolio.tests.random_accounts import (
    CORPORATE,
    FLOWS,
    LATE,
    NOW,
    TRADES,
    a_history,
    a_market,
    past_prices,
    present_prices,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", range(10))
def test_every_value_and_return_is_that_of_the_plain_definition(seed, monkeypatch):
    dice = random.Random(seed)
    if 4 <= seed < 8:  # some flows were booked before their values were stored
        value = flows.listener
        monkeypatch.setattr(
            flows, "listener", lambda flow: value(flow) if dice.random() < seed / 8 else None
        )
    market = a_market()
    acts = (*TRADES, *FLOWS, *LATE, *CORPORATE) if seed >= 8 else (*TRADES, *FLOWS[:2], *LATE)
    user = a_history(dice, market, acts=acts, brings=seed % 3 == 1)
    for instrument, around, _ in market.values():
        if seed % 3:
            past_prices(dice, instrument, around)
    present_prices(dice, market)
    if seed % 2:
        # Three new shares for seven old ones: prices that no decimal is exact for.
        two_days_ago = NOW - timedelta(days=2)
        announce_split(
            market["AAPL"].instrument, 3, 7, ex_date=two_days_ago.date(), at=two_days_ago
        )
        processing.run(now=two_days_ago)

    for period in Period:
        assert_same(user, period, "SPY", NOW)
    # Of a time before the newest of what is stored.
    daily.advance(user.pk)
    for period in Period:
        assert_same(user, period, "SPY", NOW - timedelta(days=dice.randint(1, 20)))
    assert_same_days(user)
    assert daily.check(user.pk) == []


def assert_same_days(user):
    closes = [midnight(MONDAY.replace(hour=0)) + timedelta(days=days) for days in range(46)]
    stored = [day_activity.read(owner_id=user.pk, since=close) for close in closes]
    daily.forget(user.pk)
    assert stored == [day_activity.read(owner_id=user.pk, since=close) for close in closes]


def assert_same(user, period, benchmark, now):
    (reference,) = securities.by_symbols([benchmark])
    plain = plain_series.movements(owner_id=user.pk, until=now)
    fast = history.movements(owner_id=user.pk, until=now, steps=periods.steps(period, now=now))
    window = periods.window(period, opened_at=plain.flows[0].at, now=now)
    assert [(flow.at, flow.cents, flow.entry_id, flow.dollars) for flow in fast.flows] == [
        (flow.at, flow.cents, flow.entry_id, flow.dollars) for flow in plain.flows
    ]
    instruments = securities.by_symbols(fast.held_since(window.start))
    found, expected = (
        module.compute(
            owner_id=user.pk,
            window=window,
            movements=movements,
            flows=[
                flow
                for flow in movements.flows
                if flow.at > window.start or (window.from_opening and flow.at == window.start)
            ],
            reference=reference,
            **more,
        )
        for module, movements, more in (
            (equity_series, fast, {"instruments": instruments}),
            (plain_series, plain, {}),
        )
    )
    assert found.time_weighted_return == expected.time_weighted_return
    for point, other in zip(found.points, expected.points, strict=True):
        names = [field.name for field in dataclasses.fields(other)]
        assert {name: getattr(point, name) for name in names} == dataclasses.asdict(other)


def test_a_bond_without_any_price_is_worth_nothing_and_neither_is_its_interest():
    bond, times = make_bond(), [MONDAY, MONDAY + timedelta(days=30)]
    held = grids.series([0], [100_000_000])
    grid = past_values.Grid(times)
    values = past_values.values_at(grid, units={bond: held}, prices=past_values.Prices({}, {}, {}))
    assert past_values.accrued_at(grid, bond)[1] > 0
    assert past_values.equity(grid, grids.series([0], [500]), values.values()) == [500, 500]
