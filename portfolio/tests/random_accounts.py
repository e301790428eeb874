"""Accounts with random histories, in a market of one instrument of each kind."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from authentication.models import User
from banking.models import LedgerAccount
from be.kernel.refusals import Refusal
from exchange.corporate import processing, reversals
from exchange.models import ActionKind, CorporateAction, Instrument, Interval
from exchange.tests.corporate.actions import announce_dividend, announce_split
from exchange.tests.market import make_bond, make_instrument, place
from portfolio import daily
from portfolio.tests.accounts import (
    MONDAY,
    bring,
    buy,
    closes,
    deposit,
    midnight,
    open_account,
    reprice,
    sell,
    withdraw,
)

NOW = MONDAY + timedelta(days=45, hours=3, minutes=7, microseconds=123)

TRADES = ("buy", "buy", "buy", "sell")
FLOWS = ("deposit", "withdraw", "hold", "return")
LATE = ("late",)
CORPORATE = ("dividend", "split", "take back", "pay")


class Listed(NamedTuple):
    """An instrument, about what it costs, and the most that is traded of it at once."""

    instrument: Instrument
    around: str
    most: int


Market = dict[str, Listed]


def a_market() -> Market:
    """Within the time of the histories one bond pays a coupon, and another one is redeemed."""
    coupon = make_bond(issue_date=date(2025, 10, 1), maturity_date=date(2033, 10, 1))
    repaid = make_bond("ACME-2026", issue_date=date(2024, 9, 23), maturity_date=date(2026, 3, 23))
    return {
        "AAPL": Listed(make_instrument("AAPL"), "190", 40),
        "SPY": Listed(make_instrument("SPY", "etf"), "500", 20),
        "BTC-USD": Listed(make_instrument("BTC-USD", "crypto"), "60000", 1),
        "ACME-2033": Listed(coupon, "98", 1),
        "ACME-2026": Listed(repaid, "99", 1),
    }


def a_price(dice: Random, around: str) -> str:
    price = Decimal(around) * Decimal(dice.randint(60, 140)) / 100
    return str(price.quantize(Decimal("0.01")))


def a_history(
    dice: Random,
    market: Market,
    *,
    acts: tuple[str, ...] = (*TRADES, *FLOWS[:2], *LATE),
    steps: int = 40,
    brings: bool = False,
) -> User:
    """Movements at random times, many of them on the grid of some period.

    Daily sums are stored in between; what is `late` is booked with an earlier time. Who `brings`
    something from another broker does it before the first trade.
    """
    at, user = MONDAY, open_account("alice@example.com", deposits="250000", at=MONDAY)
    if brings:
        at += timedelta(microseconds=dice.randint(0, 6 * 3600 * 10**6))
        some = [market[symbol] for symbol in dice.sample([*market], 3)]
        bring_some(dice, {each.instrument: a_price(dice, each.around) for each in some}, user, at)
    for _ in range(steps):
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
            _something(dice, market, user, at, dice.choice(acts))
        except Refusal:
            continue  # nothing to sell, for example
    return user


def bring_some(dice: Random, prices: dict[Instrument, str], user: User, at: datetime) -> None:
    """Cash and a few lots of each of these, at these prices, come from another broker."""
    rows = [f"USD,{dice.randint(1, 99)}"]
    for instrument, price in prices.items():
        reprice(instrument, price, at=at)
        for _ in range(dice.randint(1, 9)):
            quantity = dice.choice(["0.01", "1.5", "3.333333"])
            if instrument.is_bond:
                quantity = f"{dice.randint(1, 9)}000"
            cost, day = dice.randint(0, 90000) / 100, dice.randint(10, 28)
            rows.append(f"{instrument.symbol},{quantity},{cost},2025-03-{day}")
    bring(user, *rows, at=at)


def _something(dice: Random, market: Market, user: User, at: datetime, act: str) -> None:
    instrument, around, most = market[dice.choice([*market])]
    quantity = "1000" if instrument.is_bond else str(dice.randint(1, most * 1000) / 1000)
    if act == "buy":
        buy(user, instrument, quantity, a_price(dice, around), at=at)
    elif act == "sell":
        everything = dice.random() < 0.3
        sell(user, instrument, quantity, a_price(dice, around), at=at)
        if everything:
            _sell_out(user, instrument, at)
    elif act == "deposit":
        deposit(user, str(dice.randint(1, 900000) / 100), at=at)
    elif act == "return":
        deposit(user, str(-dice.randint(1, 90000) / 100), at=at)
    elif act in ("withdraw", "hold"):
        dollars = str(dice.randint(1, 90000) / 100)
        withdraw(user, dollars, at=at, settled=act == "withdraw")
    elif act == "late":
        passed = (at - MONDAY) / timedelta(microseconds=1)
        earlier = MONDAY + timedelta(microseconds=dice.randint(0, int(passed)))
        place(user, "buy", "0.001", symbol="AAPL", now=earlier)
        deposit(user, "0.01", at=earlier)
    else:
        _corporate_action(dice, market, at, act)


def _sell_out(user: User, instrument: Instrument, at: datetime) -> None:
    for account in LedgerAccount.objects.filter(owner=user, asset=instrument.symbol):
        held = instrument.asset.amount(account.available)
        if held:
            place(user, "sell", str(held), symbol=instrument.symbol, now=at)


def _corporate_action(dice: Random, market: Market, at: datetime, act: str) -> None:
    """Announce and carry out, take something back, or only pay what bonds have to pay."""
    stock = market[dice.choice(["AAPL", "SPY"])].instrument
    if act in (ActionKind.DIVIDEND, ActionKind.SPLIT) and CorporateAction.objects.filter(
        instrument=stock, kind=act, ex_date=at.date()
    ):
        return  # one a day
    if act == "dividend":
        announce_dividend(stock, str(dice.randint(1, 300) / 100), ex_date=at.date(), at=at)
    elif act == "split":
        announce_split(
            stock, *dice.choice([(2, 1), (3, 7), (1, 4), (3, 2)]), ex_date=at.date(), at=at
        )
    elif act == "take back":
        paid = CorporateAction.objects.filter(
            kind__in=(ActionKind.DIVIDEND, ActionKind.COUPON), carried_out_at__isnull=False
        )
        wrong = paid.filter(reversed_at__isnull=True).order_by("pk").last()
        if wrong is not None:
            reversals.reverse(wrong.pk, by=an_administrator(), now=at)
    processing.run(now=at)


def an_administrator() -> User:
    admin, _ = User.objects.get_or_create(
        email="admin@example.com", defaults={"is_staff": True, "is_superuser": True}
    )
    return admin


def past_prices(dice: Random, instrument: Instrument, around: str) -> None:
    """Candles of days and of hours, with gaps, where rounds have left none."""
    for interval, count in ((Interval.ONE_DAY, 60), (Interval.ONE_HOUR, 60)):
        first = midnight(MONDAY) + timedelta(days=-10 if interval == Interval.ONE_DAY else 30)
        known = set(instrument.candles.filter(interval=interval).values_list("time", flat=True))
        for number in range(count):
            length = timedelta(days=1) if interval == Interval.ONE_DAY else timedelta(hours=1)
            if first + number * length not in known and dice.random() < 0.8:
                price = a_price(dice, around)
                closes(instrument, [price], first=first + number * length, interval=interval)


def present_prices(dice: Random, market: Market) -> None:
    """A last round for each instrument, a few minutes ago."""
    for instrument, around, _ in market.values():
        reprice(instrument, a_price(dice, around), at=NOW - timedelta(minutes=dice.randint(0, 9)))
