"""Real hours: orders wait outside the session, day orders end at the close, coins always trade."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from exchange.market import closures, hours
from exchange.models import Instrument, MarketClosure, Order
from exchange.tests import market

URL = "/api/exchange/api/v1/orders/"
# Monday, 2 March 2026: the session is from 14:30 to 21:00 UTC.
BEFORE = datetime(2026, 3, 2, 14, 29, 50, tzinfo=UTC)
OPENING = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
CLOSING = datetime(2026, 3, 2, 21, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def real_hours(settings: Any) -> Iterator[None]:
    settings.EXCHANGE_MARKET_HOURS = True
    closures.forget()
    yield
    closures.forget()


@pytest.fixture
def stock(db: None) -> Instrument:
    instrument = market.make_instrument("AAPL")
    market.set_quote(instrument, at=BEFORE)
    return instrument


@pytest.fixture
def coin(db: None) -> Instrument:
    instrument = market.make_instrument("BTC-USD", "crypto")
    market.set_quote(instrument, "100.00", "100.02", at=BEFORE)
    return instrument


def send(user: User, at: datetime, **fields: str) -> Any:
    body = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1", **fields}
    with time_machine.travel(at, tick=False):
        return signed_in_client(user).post(URL, body, format="json")


def state_of(order: Any) -> str:
    return Order.objects.get(pk=order.json()["id"]).status


def quote(at: datetime, symbol: str = "AAPL", bid: str = "190.00", ask: str = "190.02") -> None:
    market.advance(market.tick(symbol, bid, ask), at=at)


@pytest.mark.usefixtures("books_must_agree", "stock")
def test_an_order_before_the_bell_waits_for_the_first_quote_of_the_session(alice: User):
    order = send(alice, BEFORE)

    assert (order.status_code, order.json()["status"]) == (201, "accepted")
    quote(BEFORE + SECOND)  # a quote before the bell, which should not be, trades nothing
    assert state_of(order) == "accepted"
    quote(OPENING)
    assert state_of(order) == "filled"


@pytest.mark.usefixtures("stock")
def test_an_order_in_the_session_trades_at_once(alice: User):
    quote(OPENING)
    assert send(alice, OPENING + SECOND).json()["status"] == "filled"


@pytest.mark.usefixtures("books_must_agree", "stock")
def test_a_day_order_ends_with_the_close(alice: User):
    quote(OPENING)
    order = send(alice, OPENING + SECOND, order_type="limit", limit_price="100.00")

    assert order.json()["expires_at"] == "2026-03-02T21:00:00.000000Z"
    market.advance(at=CLOSING - SECOND)
    assert state_of(order) == "new"
    market.advance(at=CLOSING)
    assert state_of(order) == "expired"
    assert market.balance(alice)[1] == 0


@pytest.mark.usefixtures("stock")
@pytest.mark.parametrize(
    ("sent_at", "expires_at"),
    [
        ("2026-03-02T21:00:00", "2026-03-03T21:00:00.000000Z"),  # after the close: tomorrow's
        (
            "2026-03-06T22:00:00",
            "2026-03-09T20:00:00.000000Z",
        ),  # over a weekend, and to summer time
        ("2026-11-25T22:00:00", "2026-11-27T18:00:00.000000Z"),  # Thanksgiving, then a half day
        ("2026-11-27T17:59:00", "2026-11-27T18:00:00.000000Z"),
        ("2026-12-24T12:00:00", "2026-12-24T18:00:00.000000Z"),
    ],
)
def test_the_day_of_an_order_is_a_session_of_new_york(alice: User, sent_at: str, expires_at: str):
    at = datetime.fromisoformat(sent_at).replace(tzinfo=UTC)
    order = send(alice, at, order_type="limit", limit_price="100.00", time_in_force="day")
    assert (order.status_code, order.json()["expires_at"]) == (201, expires_at)


@pytest.mark.usefixtures("coin", "books_must_agree")
def test_coins_trade_on_a_sunday_and_have_no_day(alice: User):
    sunday = datetime(2026, 3, 1, 3, tzinfo=UTC)
    quote(sunday, "BTC-USD", "100.00", "100.02")

    order = send(alice, sunday, symbol="BTC-USD")
    assert (order.json()["status"], order.json()["time_in_force"]) == ("filled", "gtc")
    assert order.json()["expires_at"] is None

    refused = send(alice, sunday, symbol="BTC-USD", time_in_force="day")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "time_in_force"


@pytest.mark.usefixtures("stock")
def test_a_good_till_canceled_order_outlives_the_close_and_rests_overnight(alice: User, bob: User):
    quote(OPENING)
    order = send(
        alice, OPENING + SECOND, order_type="limit", limit_price="100.00", time_in_force="gtc"
    )
    market.advance(at=CLOSING + SECOND)
    assert state_of(order) == "new"
    # An order at night trades with nobody, not even with a resting order.
    market.give(bob, Instrument.objects.get(symbol="AAPL").asset, "1")
    seller = send(bob, CLOSING + SECOND, side="sell", order_type="limit", limit_price="90.00")
    assert (seller.json()["status"], state_of(order)) == ("accepted", "new")


@pytest.mark.usefixtures("stock")
def test_an_administrator_can_close_the_exchange_for_a_day(
    root: Client, alice: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("django.utils.timezone.now", lambda: OPENING)
    quote(OPENING)
    assert hours.is_open("stock", OPENING)

    answer = root.post(
        reverse("admin:exchange_marketclosure_add"),
        {"day": "2026-03-02", "closes_at": "", "reason": "A day of mourning"},
    )
    assert answer.status_code == 302
    assert not hours.is_open("stock", OPENING)
    assert hours.is_open("crypto", OPENING)
    order = send(alice, OPENING + SECOND)
    assert (order.json()["status"], order.json()["expires_at"]) == (
        "accepted",
        "2026-03-03T21:00:00.000000Z",
    )

    root.post(reverse("admin:exchange_marketclosure_delete", args=["2026-03-02"]), {"post": "yes"})
    assert hours.is_open("stock", OPENING)


@pytest.mark.django_db
def test_an_early_close_ends_the_session(root: Client):
    MarketClosure.objects.create(day=date(2026, 3, 2), closes_at=time(12), reason="Snow")
    closures.forget()
    assert hours.end_of_day("etf", OPENING) == datetime(2026, 3, 2, 17, tzinfo=UTC)
    assert not hours.is_open("etf", datetime(2026, 3, 2, 17, tzinfo=UTC))


@pytest.mark.usefixtures("stock")
def test_by_default_the_market_is_always_open(alice: User, settings: Any):
    settings.EXCHANGE_MARKET_HOURS = False
    night = datetime(2026, 3, 1, 3, tzinfo=UTC)
    quote(night)
    order = send(alice, night, order_type="limit", limit_price="100.00")
    assert (order.json()["status"], order.json()["expires_at"]) == (
        "new",
        "2026-03-02T00:00:00.000000Z",
    )
    assert send(alice, night).json()["status"] == "filled"


@pytest.fixture
def bond(db: None) -> Instrument:
    instrument = market.make_bond()
    market.set_quote(instrument, "99.000", "99.500", size="100000", at=BEFORE)
    return instrument


def send_bond(user: User, at: datetime, **fields: str) -> Any:
    return send(user, at, symbol="ACME-2033", quantity="1000", **fields)


@pytest.mark.usefixtures("bond", "stock")
@pytest.mark.parametrize(
    ("at", "stock_trades", "bond_trades"),
    [
        ("2026-03-02T11:59:59", False, False),
        ("2026-03-02T12:00:00", False, True),  # seven in New York
        ("2026-03-02T15:00:00", True, True),
        ("2026-03-02T22:29:59", False, True),  # half past five
        ("2026-03-02T22:30:00", False, False),
        ("2026-10-12T15:00:00", True, False),  # Columbus Day
        ("2026-11-11T15:00:00", True, False),  # Veterans Day
        ("2026-04-03T15:59:00", False, True),  # Good Friday with an employment report
        ("2026-04-03T16:00:00", False, False),
        ("2026-12-31T18:59:00", True, True),
        ("2026-12-31T19:00:00", True, False),  # two in the afternoon
    ],
)
def test_bonds_trade_in_sessions_of_their_own(
    alice: User, at: str, stock_trades: bool, bond_trades: bool
):
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    quote(now)
    quote(now, "ACME-2033", "99.000", "99.500")
    assert (send(alice, now).json()["status"] == "filled") is stock_trades
    assert (send_bond(alice, now).json()["status"] == "filled") is bond_trades


@pytest.mark.usefixtures("bond")
@pytest.mark.parametrize(
    ("sent_at", "expires_at"),
    [
        ("2026-03-02T15:00:00", "2026-03-02T22:30:00.000000Z"),
        ("2026-10-12T15:00:00", "2026-10-13T21:30:00.000000Z"),  # Columbus Day
        ("2026-04-02T23:00:00", "2026-04-03T16:00:00.000000Z"),  # Good Friday: until noon
    ],
)
def test_the_day_of_a_bonds_order_is_a_session_of_the_bond_market(
    alice: User, sent_at: str, expires_at: str
):
    at = datetime.fromisoformat(sent_at).replace(tzinfo=UTC)
    order = send_bond(alice, at, order_type="limit", limit_price="90", time_in_force="day")
    assert (order.status_code, order.json()["expires_at"]) == (201, expires_at)
