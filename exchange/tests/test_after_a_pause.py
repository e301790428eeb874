"""The broker is stopped, and started again hours, days, months and years later.

The whole market runs, by the commands that an operator runs, on a clock that is moved. What fell
due in between is carried out as if somebody had been there, and the books are right.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking import transactions
from banking.rules import rails
from banking.tests.factories import BankAccountFactory
from exchange.market import closures
from exchange.models import (
    ActionKind,
    Candle,
    CorporateAction,
    Entitlement,
    Instrument,
    Interval,
    Order,
    Quote,
    Simulator,
)
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests.corporate.actions import announce
from exchange.tests.market import assert_books_are_right, balance, make_customer

# In no transaction, which PostgreSQL would end while a pause of years is computed.
pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = "/api/exchange/api/v1/orders/"
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # Thanksgiving's week
TUESDAY_NIGHT = MONDAY + timedelta(hours=11)
SATURDAY = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
SUMMER = datetime(2027, 6, 16, 9, 0, tzinfo=UTC)
YEARS_LATER = datetime(2036, 5, 5, 14, 31, tzinfo=UTC)


class Market:
    """A broker that runs for a moment whenever its clock is moved."""

    def __init__(self) -> None:
        with time_machine.travel(MONDAY, tick=True):
            call_command("seed_market", days=8, minutes=1, stdout=StringIO())
            self.alice = make_customer(dollars="1000000")
        self.prices: dict[str, Decimal] = {}
        self.stopped = MONDAY
        self.run(MONDAY + timedelta(seconds=30))

    def run(self, at: datetime, **options: Any) -> None:
        """Start it at this moment, and stop it after a few rounds."""
        self.before, self.paused = prices(), self.stopped
        self.started = at
        closures.forget()
        with time_machine.travel(at, tick=True):
            call_command(
                "run_exchange_simulator", interval=0.05, duration=0.3, stdout=StringIO(), **options
            )
        self.stopped = max(quotes().values(), key=lambda quote: quote.timestamp).timestamp

    def order(self, **fields: Any) -> Order:
        """Alice sends an order over the API, just after the last round."""
        with time_machine.travel(self.stopped + timedelta(milliseconds=10), tick=True):
            body = {"order_type": "market", "time_in_force": "gtc", **fields}
            answer = signed_in_client(self.alice).post(ORDERS, body)
        assert answer.status_code == 201, answer.json()
        return Order.objects.get(pk=answer.json()["id"])

    def buy(self, symbol: str, quantity: str) -> None:
        order = self.order(symbol=symbol, side="buy", quantity=quantity, time_in_force="day")
        assert order.status == "filled"

    def assert_all_is_well(
        self, *, closed: tuple[str, ...] = (), split: tuple[str, ...] = ()
    ) -> None:
        assert_books_are_right()
        call_command("check_ledger", stdout=StringIO())
        assert Simulator.objects.get().holder == ""
        minutes = Candle.objects.filter(interval=Interval.ONE_MINUTE)
        silence = (self.paused + timedelta(minutes=1), self.started - timedelta(minutes=1))
        assert not minutes.filter(time__gt=silence[0], time__lt=silence[1]).exists()
        for symbol, quote in quotes().items():
            self._assert_fresh(symbol, quote, is_split=symbol in split)
            if symbol not in closed:
                self._assert_candles(quote)

    def _assert_fresh(self, symbol: str, quote: Quote, *, is_split: bool) -> None:
        assert self.started <= quote.timestamp <= self.started + timedelta(seconds=60), symbol
        assert quote.session_date == self.started.date()
        assert 0 < quote.bid < quote.ask
        assert quote.low <= min(quote.open, quote.price) <= quote.high
        if self.started.date() != self.paused.date() and not is_split:
            assert quote.previous_close == self.before[symbol], symbol

    def _assert_candles(self, quote: Quote) -> None:
        """Candles grow from the first round after the pause, by no more than usual."""
        candle = Candle.objects.filter(
            instrument=quote.instrument, interval=Interval.ONE_DAY
        ).latest("time")
        assert candle.time.date() == self.started.date()
        assert (candle.low, candle.high) == (quote.low, quote.high)
        assert candle.close == quote.price
        (spec,) = (spec for spec in CATALOGUE if spec.symbol == quote.instrument.symbol)
        usual = Decimal(spec.daily_volume).quantize(Decimal(1))
        if self.started.date() != self.paused.date():
            assert quote.volume <= quote.instrument.asset.units(usual)


def quotes() -> dict[str, Quote]:
    return {quote.instrument.symbol: quote for quote in Quote.objects.select_related("instrument")}


def prices() -> dict[str, Decimal]:
    return {symbol: quote.price for symbol, quote in quotes().items()}


def enter(symbol: str, kind: ActionKind, ex_date: date, **fields: Any) -> CorporateAction:
    instrument = Instrument.objects.get(symbol=symbol)
    return announce(instrument, kind, ex_date, at=MONDAY, **fields)


def owned(user: User, symbol: str) -> Decimal:
    available, held = balance(user, Instrument.objects.get(symbol=symbol).asset)
    return available + held


def status(order: Order) -> str:
    order.refresh_from_db()
    return order.status


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr("exchange.streaming.publish.alert", sent.append)
    return sent


@pytest.fixture
def broker(alerts: list[Any]) -> Iterator[Market]:
    yield Market()
    closures.forget()


def test_after_a_night_orders_have_expired_and_money_has_settled(
    broker: Market, alerts: list[Any]
) -> None:
    ends = broker.order(
        symbol="AAPL",
        side="buy",
        quantity="5",
        order_type="limit",
        limit_price="1.00",
        time_in_force="day",
    )
    stays = broker.order(
        symbol="AAPL", side="buy", quantity="5", order_type="limit", limit_price="1.00"
    )
    deposit = transactions.deposit(
        owner=broker.alice,
        account_id=BankAccountFactory.create(
            owner=broker.alice, account_number=rails.DELAYED, now=broker.stopped
        ).pk,
        amount=Decimal(700),
        now=broker.stopped,
    )
    available, held = balance(broker.alice)
    assert held == 10

    broker.run(TUESDAY_NIGHT)

    assert (status(ends), status(stays)) == ("expired", "new")
    deposit.refresh_from_db()
    assert deposit.status == "completed"
    assert balance(broker.alice) == (available + 5 + 700, 5)
    assert alerts == []
    broker.assert_all_is_well()


def test_after_days_a_split_and_a_dividend_are_carried_out_before_anybody_trades(
    broker: Market, alerts: list[Any]
) -> None:
    broker.buy("MSFT", "10")
    broker.buy("AAPL", "10")
    rests = broker.order(
        symbol="MSFT", side="buy", quantity="3", order_type="limit", limit_price="100.00"
    )
    enter("MSFT", ActionKind.SPLIT, date(2026, 11, 25), new_shares=2, old_shares=1)
    enter(
        "AAPL",
        ActionKind.DIVIDEND,
        date(2026, 11, 25),
        payable_date=date(2026, 11, 27),
        amount=Decimal("0.50"),
    )
    dollars = sum(balance(broker.alice))

    broker.run(SATURDAY)

    assert owned(broker.alice, "MSFT") == 20
    assert sum(balance(broker.alice)) == dollars + 5
    assert status(rests) == "new"
    assert (rests.quantity, rests.limit_price) == (6_000_000, 50)
    after = prices()
    assert after["MSFT"] * 2 == pytest.approx(broker.before["MSFT"], rel=Decimal("0.3"))
    for fund in ("SPY", "QQQ", "VTI", "VOO"):
        assert after[fund] == pytest.approx(broker.before[fund], rel=Decimal("0.15"))
    assert alerts == []
    broker.assert_all_is_well(split=("MSFT",))

    # Once more with nothing due: nobody is paid twice, and prices move by a few seconds only.
    broker.run(SATURDAY + timedelta(minutes=2))
    assert owned(broker.alice, "MSFT") == 20
    assert Entitlement.objects.filter(owner=broker.alice).count() == 2
    for symbol, price in prices().items():
        assert price == pytest.approx(broker.before[symbol], rel=Decimal("0.02")), symbol
    broker.assert_all_is_well()


def test_after_months_a_coupon_is_paid_and_after_years_bonds_are_repaid(
    broker: Market, alerts: list[Any]
) -> None:
    broker.buy("UST-2Y", "10000")
    broker.buy("UST-BILL", "10000")
    broker.buy("SPY", "10")
    price = prices()["SPY"]
    stop = broker.order(
        symbol="SPY",
        side="sell",
        quantity="4",
        order_type="stop",
        stop_price=str((price * Decimal("0.97")).quantize(Decimal("0.01"))),
    )
    in_the_bill = broker.order(
        symbol="UST-BILL", side="sell", quantity="10000", order_type="limit", limit_price="99.50"
    )
    dollars = sum(balance(broker.alice))

    broker.run(SUMMER)

    (coupon,) = Entitlement.objects.filter(owner=broker.alice)
    assert coupon.action.payable_date == date(2027, 4, 30)
    assert coupon.cents == 17500  # half of 3.5 % of 10,000
    # At the market's price after the pause, not at the stop price.
    assert stop.stop_price is not None
    reached = quotes()["SPY"].low <= stop.stop_price
    assert status(stop) == ("filled" if reached else stop.status)
    assert all(each.price <= quotes()["SPY"].high for each in stop.executions.all())
    bill = status(in_the_bill)
    assert alerts == []
    broker.assert_all_is_well()

    broker.run(YEARS_LATER)

    assert owned(broker.alice, "UST-2Y") == owned(broker.alice, "UST-BILL") == 0
    paid = Entitlement.objects.filter(owner=broker.alice, action__instrument__symbol="UST-2Y")
    days = [each.action.payable_date for each in paid.order_by("action__payable_date", "pk")]
    assert days == [
        date(2027, 4, 30),
        date(2027, 11, 1),  # the 31st of October was a Sunday
        date(2028, 5, 1),  # the 30th of April too
        date(2028, 10, 31),
        date(2028, 10, 31),
    ]
    redeemed = Instrument.objects.get(symbol="UST-BILL")
    assert not redeemed.tradable
    assert (bill, status(in_the_bill)) in {("filled", "filled"), ("new", "canceled")}
    assert dollars < sum(balance(broker.alice))
    matured = tuple(spec.symbol for spec in CATALOGUE if has_matured(spec.bond))
    assert "UST-10Y" not in matured
    assert alerts == []
    broker.assert_all_is_well(closed=matured)


def has_matured(bond: Any) -> bool:
    return bond is not None and bond.maturity_date <= YEARS_LATER.date()


def test_after_the_fastest_run_the_market_goes_on_at_its_pace(broker: Market) -> None:
    broker.run(MONDAY + timedelta(hours=1), speed=100_000)
    assert_books_are_right()

    broker.run(MONDAY + timedelta(hours=1, minutes=1))

    for symbol, price in prices().items():
        assert price == pytest.approx(broker.before[symbol], rel=Decimal("0.02")), symbol
    broker.assert_all_is_well()


def test_a_market_with_hours_is_stopped_on_one_day_and_started_on_another(
    broker: Market, settings: Any
) -> None:
    settings.EXCHANGE_MARKET_HOURS = True
    broker.run(datetime(2026, 11, 24, 20, 0, tzinfo=UTC))
    order = broker.order(
        symbol="AAPL",
        side="buy",
        quantity="1",
        order_type="limit",
        limit_price="1.00",
        time_in_force="day",
    )
    stock = quotes()["AAPL"]

    broker.run(datetime(2026, 11, 26, 18, 0, tzinfo=UTC))  # Thanksgiving: only coins trade

    assert status(order) == "expired"
    assert quotes()["AAPL"].price == stock.price
    assert quotes()["AAPL"].timestamp == stock.timestamp
    assert quotes()["BTC-USD"].timestamp > broker.started

    broker.run(datetime(2026, 11, 27, 14, 31, tzinfo=UTC))  # a half day has just begun
    assert quotes()["AAPL"].timestamp > broker.started
    assert quotes()["AAPL"].previous_close == stock.price
    assert_books_are_right()
