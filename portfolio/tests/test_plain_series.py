"""The series by NumPy is the plain one, to the last digit: of accounts with random histories."""

import dataclasses
import random
from datetime import timedelta
from decimal import Decimal

import pytest

from banking import flows
from be.kernel.refusals import Refusal
from exchange.models import ActionKind, Interval
from exchange.tests.market import make_bond, make_instrument, place
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
from portfolio.tests.accounts import (
    MONDAY,
    buy,
    carry_out,
    closes,
    deposit,
    midnight,
    open_account,
    reprice,
    sell,
    withdraw,
)

pytestmark = pytest.mark.django_db

NOW = MONDAY + timedelta(days=45, hours=3, minutes=7, microseconds=123)


def a_price(dice, around):
    return str((Decimal(around) * Decimal(dice.randint(60, 140)) / 100).quantize(Decimal("0.01")))


def a_history(dice, market):
    """Up to forty movements at random times, many of them on the grid of some period.

    Daily sums are stored in between, and some movements are booked late.
    """
    at, user = MONDAY, open_account("alice@example.com", deposits="250000", at=MONDAY)
    for _ in range(40):
        at += dice.choice(
            [timedelta(minutes=5), timedelta(hours=1), timedelta(days=1), timedelta(0)]
        )
        if dice.random() < 0.5:
            at += timedelta(microseconds=dice.randint(1, 6 * 3600 * 10**6))
        if at >= NOW:
            break
        if dice.random() < 0.2:
            daily.advance(user.pk)
        try:
            something(dice, market, user, at)
        except Refusal:
            continue  # nothing to sell, for example
    return user


def something(dice, market, user, at):
    symbol = dice.choice([*market])
    instrument, around, most = market[symbol]
    quantity = "1000" if instrument.is_bond else str(dice.randint(1, most * 1000) / 1000)
    act = dice.choice(["buy", "buy", "buy", "sell", "deposit", "withdraw", "late"])
    if act == "buy":
        buy(user, instrument, quantity, a_price(dice, around), at=at)
    elif act == "sell":
        sell(user, instrument, quantity, a_price(dice, around), at=at)
    elif act == "deposit":
        deposit(user, str(dice.randint(1, 900000) / 100), at=at)
    elif act == "withdraw":
        withdraw(user, str(dice.randint(1, 90000) / 100), at=at)
    else:
        passed = (at - MONDAY) / timedelta(microseconds=1)
        earlier = MONDAY + timedelta(microseconds=dice.randint(0, int(passed)))
        place(user, "buy", "0.001", symbol="AAPL", now=earlier)
        deposit(user, "0.01", at=earlier)


def past_prices(dice, instrument, around):
    for interval, count in ((Interval.ONE_DAY, 60), (Interval.ONE_HOUR, 60)):
        first = midnight(MONDAY) + timedelta(days=-10 if interval == Interval.ONE_DAY else 30)
        known = set(instrument.candles.filter(interval=interval).values_list("time", flat=True))
        for number in range(count):
            length = timedelta(days=1) if interval == Interval.ONE_DAY else timedelta(hours=1)
            if first + number * length not in known and dice.random() < 0.8:
                price = a_price(dice, around)
                closes(instrument, [price], first=first + number * length, interval=interval)


@pytest.mark.parametrize("seed", range(8))
def test_every_value_and_return_is_that_of_the_plain_definition(seed, monkeypatch):
    dice = random.Random(seed)
    if seed >= 4:  # some flows were booked before their values were stored
        value = flows.listener
        monkeypatch.setattr(
            flows, "listener", lambda flow: value(flow) if dice.random() < seed / 8 else None
        )
    stock = make_instrument("AAPL")
    market = {
        "AAPL": (stock, "190", 40),
        "SPY": (make_instrument("SPY", "etf"), "500", 20),
        "BTC-USD": (make_instrument("BTC-USD", "crypto"), "60000", 1),
        "ACME-2033": (make_bond(), "98", 1),
    }
    user = a_history(dice, market)
    for instrument, around, _ in market.values():
        if seed % 3:
            past_prices(dice, instrument, around)
        reprice(instrument, a_price(dice, around), at=NOW - timedelta(minutes=dice.randint(0, 9)))
    if seed % 2:
        # Three new shares for seven old ones: prices that no decimal is exact for.
        two_days_ago = NOW - timedelta(days=2)
        carry_out(stock, ActionKind.SPLIT, at=two_days_ago, new_shares=3, old_shares=7)

    for period in Period:
        assert_same(user, period, market["SPY"][0].symbol, NOW)
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
    equity = past_values.equity_at(
        past_values.Grid(times),
        cash=grids.series([0], [500]),
        units={bond: held},
        prices=past_values.Prices({}, {}, {}),
    )
    assert past_values.accrued_at(past_values.Grid(times), bond)[1] > 0
    assert equity == [500, 500]
