"""What holds for every account: of its return, its equity and its gain."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from banking import flows
from banking.models import Posting
from banking.rules.assets import USD
from exchange.corporate import processing
from exchange.models import ActionKind, CorporateAction
from exchange.tests.corporate.actions import announce_dividend, announce_split
from exchange.tests.market import advance, make_instrument, place, set_quote, tick
from portfolio import performance, periods
from portfolio.periods import Period
from portfolio.tests import plain_series
from portfolio.tests.accounts import MONDAY, deposit, open_account, shown, withdraw
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

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHARES, CASH = 1024, 100_000


# The time-weighted return and money that comes and goes -------------------------------------------


class Twins:
    """Two accounts that begin with the same shares and the same cash, in a market without a spread.

    `still` has no other deposit than its first; it has `shares` and `cash`, and `moving` has so
    many times as much as `factor` says.
    """

    factor = Decimal(1)
    scaled_on: date | None = None

    def __init__(self, dice):
        # At no time of a series, where a price is known at once only to who trades at it.
        self.dice, self.at = dice, MONDAY + timedelta(minutes=7)
        self.stocks = [make_instrument("AAPL"), make_instrument("MSFT")]
        self.prices = {stock: Decimal(dice.randint(20, 90)) for stock in self.stocks}
        for stock, price in self.prices.items():
            set_quote(stock, f"{price}", f"{price}", size="1000000", at=self.at)
        cost = SHARES * sum(self.prices.values())
        self.still, self.moving = (
            open_account(f"{name}@example.com", deposits=str(cost + CASH), at=self.at)
            for name in ("still", "moving")
        )
        self.shares, self.cash = dict.fromkeys(self.stocks, SHARES), Decimal(CASH)
        for stock in self.stocks:
            for user in (self.still, self.moving):
                place(user, "buy", str(SHARES), symbol=stock.symbol, now=self.at)

    @property
    def equity(self):
        """Of `still`, in dollars."""
        return self.cash + sum(self.shares[each] * self.prices[each] for each in self.stocks)

    def step(self):
        """New prices, some time later; now and then a dividend or a split."""
        self.at += self.dice.choice([HOUR, DAY, 5 * HOUR]) + self.dice.randint(0, 3) * HOUR
        before = self.equity
        self.act()
        for stock in self.stocks:
            self.prices[stock] = max(2, self.prices[stock] + self.dice.randint(-9, 10))
            price = f"{self.prices[stock]}"
            advance(tick(stock.symbol, price, price, size="1000000"), at=self.at)
        return self.equity - before

    def act(self):
        """On some days each stock pays a dollar a share, and once one of them is split.

        A dividend is for what was held when its day began, so there is none after a flow. The day
        of the exchange begins in New York.
        """
        event, day = self.dice.random(), self.at.date()
        if day == self.scaled_on or self.at.hour < 12:
            return
        if event < 0.3 and not CorporateAction.objects.filter(ex_date=day).exists():
            for stock in self.stocks:
                announce_dividend(stock, "1.00", ex_date=day, at=self.at)
        if event > 0.7 and not CorporateAction.objects.filter(kind=ActionKind.SPLIT).exists():
            announce_split(self.stocks[0], 2, 1, ex_date=day, at=self.at)
        for done in processing.run(now=self.at):
            stock = done.action.instrument
            if done.action.kind == ActionKind.SPLIT:
                self.shares[stock] *= 2
                self.prices[stock] /= 2
            else:
                self.cash += self.shares[stock]

    def scale(self, more):
        """Twice or half as much of everything in `moving`, by a deposit or a withdrawal."""
        self.scaled_on = self.at.date()
        if more:
            deposit(self.moving, str(self.equity * self.factor), at=self.at)
        for stock in self.stocks:
            held = self.shares[stock] * self.factor
            quantity = held if more else held / 2
            place(
                self.moving,
                "buy" if more else "sell",
                str(quantity),
                symbol=stock.symbol,
                now=self.at,
            )
        if not more:
            withdraw(self.moving, str(self.equity * self.factor / 2), at=self.at)
        self.factor *= 2 if more else Decimal("0.5")

    def returns(self, period):
        """The time-weighted returns of both, at each point."""
        return [
            performance.performance(
                owner_id=user.pk, period=period, benchmark=None, now=self.at + HOUR
            ).series.time_weighted_returns
            for user in (self.still, self.moving)
        ]


@pytest.mark.parametrize("seed", range(4))
def test_flows_with_which_all_holdings_grow_or_shrink_change_no_return(seed):
    dice = random.Random(seed)
    twins = Twins(dice)
    for _ in range(14):
        twins.step()
        more = dice.random() < 0.5
        if Decimal("0.25") < twins.factor < 4 and dice.random() < 0.7:
            twins.scale(more)
        elif twins.factor != 1:
            twins.scale(twins.factor < 1)

    for period in Period:
        still, moving = twins.returns(period)
        assert len(still) > 1
        assert moving == pytest.approx(still, abs=1e-12)
    assert twins.returns(Period.ALL)[0][-1] != 0


@pytest.mark.parametrize("seed", range(4))
def test_cash_that_comes_and_rests_only_thins_what_was_gained_while_it_was_there(seed):
    """The same gains in dollars, of so much more: 1 + R = product of 1 + gain / (equity + rest)."""
    dice = random.Random(seed)
    twins = Twins(dice)
    growth, resting = 1.0, Decimal(0)
    for _ in range(14):
        before = twins.equity + resting
        growth *= 1 + float(twins.step() / before)
        dollars = Decimal(dice.randint(-5_000_000, 9_000_000)) / 100
        if dollars > 0:
            deposit(twins.moving, str(dollars), at=twins.at)
            resting += dollars
        elif resting + dollars > 0:
            withdraw(twins.moving, str(-dollars), at=twins.at)
            resting += dollars

    still, moving = twins.returns(Period.ALL)
    assert moving[-1] == pytest.approx(growth - 1, abs=1e-12)
    assert resting > 0
    assert moving[-1] != pytest.approx(still[-1], abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_money_that_has_gone_again_before_prices_move_changes_no_return(seed):
    dice = random.Random(seed)
    twins = Twins(dice)
    for _ in range(8):
        twins.step()
        dollars = str(Decimal(dice.randint(1, 900_000_000)) / 100)
        deposit(twins.moving, dollars, at=twins.at)
        if dice.random() < 0.5:
            deposit(twins.moving, f"-{dollars}", at=twins.at + HOUR / 2)  # the bank returns it
        else:
            withdraw(twins.moving, dollars, at=twins.at + HOUR / 2)

    still, moving = twins.returns(Period.ALL)
    assert moving[-1] == pytest.approx(still[-1], abs=1e-12)


# Equity and gain ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_equity_is_cash_and_positions_and_gain_is_what_they_grew_by_beyond_deposits(seed):
    dice, market = random.Random(seed), a_market()
    user = a_history(dice, market, acts=(*TRADES, *FLOWS, *LATE, *CORPORATE), steps=50)
    for instrument, around, _ in market.values():
        past_prices(dice, instrument, around)
    present_prices(dice, market)

    held = shown(user, "holdings", now=NOW)
    equity_now = Decimal(held["totals"]["cash"]) + sum(
        Decimal(row["market_value"]) for row in held["results"]
    )
    for period in Period:
        document = shown(user, "performance", now=NOW, period=period.value)
        start, end, net_deposits, gain = (
            Decimal(document[name])
            for name in ("start_equity", "end_equity", "net_deposits", "gain")
        )
        times, equity, window = plain_equity(user, period)
        since = None if window.from_opening else window.start
        assert end == equity_now == equity[-1]
        assert net_deposits == deposited(user, since)
        assert start == (0 if window.from_opening else equity[0])
        assert gain == end - start - net_deposits
        points = [Decimal(point["equity"]) for point in document["series"]]
        assert len(points) == len(times)
        # What was bought at the moment of the first deposit is not in the first point.
        assert points[1:] == equity[1:]


def plain_equity(user, period):
    """Cash, and each position by itself, at each time."""
    movements = plain_series.movements(owner_id=user.pk, until=NOW)
    window = periods.window(period, opened_at=movements.flows[0].at, now=NOW)
    account = plain_series._account(user.pk, window, movements, None)
    times = list(window.grid())
    observed = plain_series.merged(
        plain_series.closes(
            instruments=account.instruments,
            interval=window.interval,
            start=window.start,
            end=window.end,
        ),
        plain_series.quoted(instruments=account.instruments, at=window.end),
    )
    return times, account.equity_at(times, observed), window


def deposited(user, since):
    """Dollars from banks less those to banks, after a time."""
    lines = Posting.objects.filter(
        owner=user, account__asset=USD.code, entry__kind__in=flows.KINDS, created_at__lte=NOW
    )
    if since is not None:
        lines = lines.filter(created_at__gt=since)
    return USD.amount(lines.aggregate(cents=Sum("units"))["cents"] or 0)
