"""Contributions add up to the return and gains to the gain, for accounts with random histories."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from banking.models import OpeningLot
from banking.rules.assets import USD
from exchange.models import Clawback, Entitlement, Execution
from portfolio import contribution, daily, performance, periods
from portfolio.periods import Period
from portfolio.tests import plain_series
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

ZERO = Decimal(0)
NOTHING_LATE = (*TRADES, *FLOWS, *CORPORATE)


@pytest.mark.parametrize("seed", range(6))
def test_everything_adds_up_in_any_account(seed):
    dice, market = random.Random(seed), a_market()
    acts = NOTHING_LATE if seed % 2 else (*NOTHING_LATE, *LATE)
    user = a_history(dice, market, acts=acts, steps=60, brings=seed % 3 == 1)
    for instrument, around, _ in market.values():
        past_prices(dice, instrument, around)
    present_prices(dice, market)

    for now in (NOW, NOW - timedelta(days=dice.randint(1, 20), seconds=dice.randint(0, 9999))):
        for period in Period:
            found = contribution.contribution(owner_id=user.pk, period=period, now=now)
            assert_adds_up(found, user, now)
            if LATE[0] not in acts:
                assert USD.code not in [row.symbol for row in found.by_instrument]
            daily.advance(user.pk)
            # The same, from what is stored.
            assert contribution.contribution(owner_id=user.pk, period=period, now=now) == found
            daily.forget(user.pk)


def assert_adds_up(found, user, now):
    same = performance.performance(owner_id=user.pk, period=found.period, benchmark=None, now=now)
    assert (found.start, found.end, found.gain) == (same.start, same.end, same.gain)
    assert found.time_weighted_return == same.time_weighted_return
    assert found.exposure.times == same.series.times
    for rows in (found.by_instrument, found.by_asset_class):
        for name in ("gain", "market_gain", "income", "fees"):
            assert sum((getattr(row, name) for row in rows), ZERO) == getattr(found, name)
        for row in rows:
            assert row.gain == row.market_gain + row.income - row.fees
        if found.time_weighted_return is not None:
            total = sum(row.contribution for row in rows)
            assert total == pytest.approx(found.time_weighted_return, abs=1e-12)
    gains = plain_gains(user, found, now)
    assert {row.symbol: row.gain for row in found.by_instrument if row.symbol != USD.code} == gains


def plain_gains(user, found, now):
    """The gain of each instrument: value at the end, less that at the start, and cash between."""
    movements = plain_series.movements(owner_id=user.pk, until=now)
    window = periods.window(found.period, opened_at=movements.flows[0].at, now=now)
    account = plain_series._account(user.pk, window, movements, None)
    values, gains = plain_values(account, window), {}
    cash = cash_by_symbol(user, None if window.from_opening else window.start, now)
    for symbol in {*values, *cash}:
        start, end = values.get(symbol, (ZERO, ZERO))
        gains[symbol] = end - (ZERO if window.from_opening else start) + cash.get(symbol, ZERO)
    return gains


def plain_values(account, window):
    """Dollars at the start and at the end."""
    times = [window.start, window.end]
    observed = plain_series.merged(
        plain_series.closes(
            instruments=account.instruments,
            interval=window.interval,
            start=window.start,
            end=window.end,
        ),
        plain_series.quoted(instruments=account.instruments, at=window.end),
    )
    values = {}
    for instrument in account.instruments:
        one = plain_series._Account(
            account.owner_id,
            window,
            plain_series.Movements([], [], account.movements.units),
            account.past_splits,
            [instrument],
            account.trade_prices,
        )
        values[instrument.symbol] = one.equity_at(times, observed)
    return values


def cash_by_symbol(user, after, until):
    """Dollars that each instrument gave, less what it took: by all that moved money for it."""
    cash: dict[str, Decimal] = {}

    def add(symbol, at, cents):
        if (after is None or at > after) and at <= until:
            cash[symbol] = cash.get(symbol, ZERO) + USD.amount(cents)

    for trade in Execution.objects.filter(owner=user).select_related("order__instrument"):
        cents = trade.cents if trade.order.side == "sell" else -trade.cents
        add(trade.order.instrument.symbol, trade.executed_at, cents - trade.fee_cents)
    for paid in Entitlement.objects.filter(owner=user).select_related("action__instrument"):
        add(paid.action.instrument.symbol, paid.carried_out_at, paid.cents)
    for taken in Clawback.objects.filter(entitlement__owner=user):
        add(taken.entitlement.action.instrument.symbol, taken.taken_at, -taken.cents)
    for lot in OpeningLot.objects.filter(transfer__owner=user).select_related("transfer"):
        add(lot.asset, lot.transfer.created_at, -lot.value_cents)
    return cash
