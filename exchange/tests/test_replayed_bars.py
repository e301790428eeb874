"""What orders get inside a replayed bar: their own price where it passed, the open after a gap.

A bar says where the price has been, not only where it was four times: who rests an order at a
price that was passed trades at that price, as in the field's other simulators.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from authentication.models import User
from exchange import engine
from exchange.corporate import processing
from exchange.market.rules.ticks import Round, Tick
from exchange.models import Order, Quote
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.sources import replay
from exchange.simulator.sources.replay import Replay
from exchange.tests import market, real_bars
from exchange.tests.corporate.actions import announce_split
from exchange.tests.market import NOW
from exchange.trading.rules import paths

pytestmark = pytest.mark.usefixtures("books_must_agree")

URL = "/api/exchange/api/v1/orders/"
STEP = timedelta(seconds=1)


class Market:
    """AAPL, played from bars; Alice has ten shares of it."""

    def __init__(self, client: APIClient, alice: User, tmp_path: Path) -> None:
        self.client = client
        self.instrument = market.make_instrument("AAPL")
        self.file = tmp_path / "AAPL.csv"
        self.at = NOW
        market.give(alice, self.instrument.asset, "10")

    def begin(self, price: str) -> None:
        market.set_quote(self.instrument, price, str(Decimal(price) + Decimal("0.01")))

    def rounds(self, bars: str) -> Iterator[Tick]:
        """The ticks of bars, written as open/high/low/close, one a day."""
        lines = [f"2020-01-{day:02},{bar.replace('/', ',')},2000000" for day, bar in _days(bars)]
        self.file.write_text("date,open,high,low,close,volume\n" + "\n".join(lines))
        recording = replay.read(self.file, {"AAPL": self.instrument}, symbol=None)
        player = Replay([recording], {"AAPL": self.instrument})
        while not player.is_over:
            (tick,) = player.next()
            yield tick

    def next_round(self, tick: Tick) -> Round:
        self.at += STEP
        return Round(self.at, (tick,))

    def play(self, bars: str) -> None:
        for tick in self.rounds(bars):
            engine.advance(self.next_round(tick))

    def post(self, **body: Any) -> dict[str, Any]:
        answer = self.client.post(URL, {"symbol": "AAPL", "quantity": "1", **body})
        assert answer.status_code == 201, answer.json()
        return dict(answer.json())

    def shown(self, order: dict[str, Any]) -> tuple[str, str | None]:
        """Its status and its average fill price, as the API says."""
        found = self.client.get(f"{URL}{order['id']}/").json()
        return found["status"], found["average_fill_price"]


def _days(bars: str) -> list[tuple[int, str]]:
    return list(enumerate(bars.split(), start=1))


@pytest.fixture
def played(client: APIClient, alice: User, tmp_path: Path) -> Market:
    return Market(client, alice, tmp_path)


def limit(side: str, price: str) -> dict[str, str]:
    return {"side": side, "order_type": "limit", "limit_price": price}


def stop(side: str, price: str, **more: str) -> dict[str, str]:
    type_ = "stop_limit" if more else "stop"
    return {"side": side, "order_type": type_, "stop_price": price, **more}


def oco(profit: str, loss: str) -> dict[str, Any]:
    return {**limit("sell", profit), "order_class": "oco", "stop_loss": {"stop_price": loss}}


def bracket(entry: dict[str, str], profit: str, loss: str) -> dict[str, Any]:
    return {
        **entry,
        "order_class": "bracket",
        "take_profit": {"limit_price": profit},
        "stop_loss": {"stop_price": loss},
    }


FILLS = [
    # What a bar passes trades at its own price.
    ("100", "100/101/90/92", limit("buy", "95.00"), "95.00"),
    ("100", "100/101/90/92", stop("sell", "97.50"), "97.50"),
    ("8", "8/12/8/12", stop("buy", "10.00"), "10.00"),
    ("102", "102/103/101/102", limit("buy", "101.50"), "101.50"),
    ("102", "102/103/101/102", limit("sell", "102.50"), "102.50"),
    ("100", "100/106/94/99", limit("sell", "103.00"), "103.00"),
    ("100", "100/101/90/92", stop("sell", "97.50", limit_price="97.00"), "97.50"),
    ("8", "8/12/8/12", stop("buy", "10.00", limit_price="10.50"), "10.00"),
    # A limit that is worse than its stop price rests until the price comes back to it.
    ("100", "100/101/90/99", stop("sell", "97.50", limit_price="98.00"), "98.00"),
    # A trailing stop follows the highest price inside the bar.
    (
        "100",
        "100/106/94/99",
        {"side": "sell", "order_type": "trailing_stop", "trail_amount": "3.00"},
        "103.00",
    ),
    # Between two bars the price jumps.
    ("100", "100/101/99/100 90/92/88/91", limit("buy", "95.00"), "90.01"),
    ("100", "100/101/99/100 90/92/88/91", stop("sell", "95.00"), "90.00"),
    ("100", "100/101/99/100 110/112/108/111", limit("sell", "105.00"), "110.00"),
    ("100", "100/101/99/100 110/112/108/111", stop("buy", "105.00"), "110.01"),
    # The ask is an increment above the price, so a bid at the very low of a bar is not filled.
    ("100", "100/101/90/92", limit("buy", "90.00"), None),
    ("100", "100/101/90/92", limit("buy", "90.01"), "90.01"),
]


@pytest.mark.parametrize(("start", "bars", "body", "price"), FILLS)
def test_an_order_trades_where_the_price_passed_it(
    played: Market, start: str, bars: str, body: dict[str, Any], price: str | None
):
    played.begin(start)
    order = played.post(**body)
    played.play(bars)
    assert played.shown(order) == (("new", None) if price is None else ("filled", price))


def test_a_large_order_takes_all_that_was_offered_below_its_limit_for_its_limit(played: Market):
    """More than the best level has; none of it is cheaper."""
    played.begin("10")
    displayed = Quote.objects.filter(pk=played.instrument.pk)
    order = played.post(**limit("buy", "9.50"), quantity="900")
    *rest, low, _ = list(played.rounds("10/10.10/9/9.20"))
    for tick in rest:
        engine.advance(played.next_round(tick))
    engine.advance(played.next_round(Tick(*_sized(low, "300"))))
    status, price = played.shown(order)
    assert (status, price) == ("filled", "9.50")
    assert displayed.get().ask_taken == 900_000_000


def _sized(tick: Tick, size: str) -> tuple[Any, ...]:
    return (
        *(tick.symbol, tick.price, tick.bid, tick.ask, Decimal(size), Decimal(size), tick.volume),
        *(tick.came_from, tick.low_ahead),
    )


# Exits


@pytest.mark.parametrize(
    ("bars", "profit", "loss", "wanted"),
    [
        # If both exits are inside the bar, the worse one is filled first.
        ("100/106/94/99", "105.00", "95.00", ("canceled", None, "filled", "95.00")),
        ("100/106/94/101", "105.00", "95.00", ("canceled", None, "filled", "95.00")),
        # One exit is inside the bar.
        ("100/106/96/99", "105.00", "95.00", ("filled", "105.00", "canceled", None)),
        ("100/104/94/99", "105.00", "95.00", ("canceled", None, "filled", "95.00")),
        # An open beyond an exit comes before all other prices of the bar.
        ("107/108/94/99", "105.00", "95.00", ("filled", "107.00", "canceled", None)),
        ("93/106/92/99", "105.00", "95.00", ("canceled", None, "filled", "93.00")),
    ],
)
def test_of_two_exits_inside_one_bar_the_worse_comes_first(
    played: Market, bars: str, profit: str, loss: str, wanted: tuple[str | None, ...]
):
    played.begin("100")
    order = played.post(**oco(profit, loss))
    played.play(bars)
    (leg,) = order["legs"]
    assert (*played.shown(order), *played.shown(leg)) == wanted


def exits_of(played: Market, entry: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [played.shown(leg) for leg in entry["legs"]]


def test_the_stop_loss_of_an_entry_meets_what_is_left_of_the_bar(played: Market):
    """Entered at 95 on the way to 90: the price passes the stop too, but not the take-profit."""
    played.begin("100")
    entry = played.post(**bracket(limit("buy", "95.00"), "98.00", "94.00"))
    played.play("100/101/90/99")
    assert played.shown(entry) == ("filled", "95.00")
    assert exits_of(played, entry) == [("canceled", None), ("filled", "94.00")]


def test_a_profit_is_not_taken_before_its_entry(played: Market):
    """On the way from 101 to 94 the price passes 98 before the entry at 95."""
    played.begin("100")
    entry = played.post(**bracket(limit("buy", "95.00"), "98.00", "90.00"))
    played.play("100/101/94/96")
    assert exits_of(played, entry) == [("new", None), ("new", None)]


@pytest.mark.parametrize(
    ("bar", "wanted"),
    [
        ("100/106/99/105", [("filled", "103.00"), ("canceled", None)]),
        ("100/106/94/96", [("canceled", None), ("filled", "95.00")]),
    ],
)
def test_exits_that_go_to_work_inside_a_bar_get_their_prices_too(
    played: Market, bar: str, wanted: list[tuple[str, str | None]]
):
    """Entered at the open: the exits are worked from the next tick of the bar on."""
    played.begin("100")
    opening, *rest = played.rounds(bar)
    engine.advance(played.next_round(opening))
    entry = played.post(**bracket({"side": "buy", "order_type": "market"}, "103.00", "95.00"))
    for tick in rest:
        engine.advance(played.next_round(tick))
    assert exits_of(played, entry) == wanted


def test_a_limit_that_waited_for_a_quote_meets_the_price_on_its_way(played: Market):
    played.begin("100")
    opening, low, *_ = played.rounds("100/102/90/101")
    engine.advance(played.next_round(opening))
    Quote.objects.update(timestamp=NOW - timedelta(days=1))  # nobody trades on it any more
    order = played.post(**limit("buy", "95.00"))
    assert order["status"] == "accepted"
    engine.advance(played.next_round(low))
    assert played.shown(order) == ("filled", "95.00")


def test_who_arrives_before_the_orders_of_a_round_were_worked_changes_nothing(played: Market):
    """If the simulator is killed in between, the path of the price is in the quote."""
    played.begin("100")
    order = played.post(**limit("buy", "95.00"))
    opening, high, low, _ = played.rounds("100/101/90/92")
    engine.advance(played.next_round(opening))
    engine.advance(played.next_round(high))
    engine._record(played.next_round(low))
    assert played.shown(order) == ("new", None)
    later = played.post(**limit("buy", "91.00"))
    assert played.shown(order) == ("filled", "95.00")
    assert played.shown(later) == ("filled", "90.01"), "it came when the price was there"


def test_a_split_ends_the_way_of_a_price(played: Market):
    played.begin("100")
    *_, last = played.rounds("100/101/90/92")
    engine.advance(played.next_round(last))
    assert Quote.objects.get().came_from == 90
    announce_split(played.instrument, 2, 1, ex_date=NOW.date())
    processing.run(now=played.at)
    assert (Quote.objects.get().price, Quote.objects.get().came_from) == (46, None)


# Real days


def test_resting_around_the_open_of_real_days_earns_what_the_limits_say(
    alice: User, tmp_path: Path
):
    """GOOG from 2004 on, a buy and a sell half a percent around each open.

    At the ticks of the bars the fills were 1.4 % better than the limits: free money.
    """
    instrument = market.make_instrument("GOOG")
    days = 30
    file = real_bars.write(tmp_path / "GOOG.csv", "GOOG", days)
    recording = replay.read(file, {"GOOG": instrument}, symbol=None)
    market.set_quote(instrument, "100.00", "100.01")
    market.give(alice, instrument.asset, str(days))

    player, at = Replay([recording], {"GOOG": instrument}), NOW
    for _ in range(days):
        for number in range(replay.TICKS_PER_BAR):
            at += STEP
            (tick,) = player.next()
            engine.advance(Round(at, (tick,)))
            if number == 0:
                for side, percent in (("buy", "-0.5"), ("sell", "0.5")):
                    wanted = tick.price * (1 + Decimal(percent) / 100)
                    price = str(wanted.quantize(Decimal("0.01")))
                    market.place(alice, side, symbol="GOOG", limit=price, now=at)
        at += timedelta(days=1)
    orders = list(Order.objects.filter(status="filled"))
    assert len(orders) > days
    assert [order.executions.get().price for order in orders] == [
        order.limit_price for order in orders
    ]


# Rules

PRICES = st.decimals(Decimal(1), Decimal(200), places=2)


@given(side=st.sampled_from(["buy", "sell"]), limit=PRICES, start=PRICES, end=PRICES)
def test_a_limit_is_kept_and_never_beaten_by_more_than_both_ends_of_the_way(
    side: str, limit: Decimal, start: Decimal, end: Decimal
):
    sign = 1 if side == "buy" else -1
    if sign * (limit - end) < 0:
        return  # the way does not end where it may trade
    price = paths.limit_price(side, limit, start, end)
    assert sign * (limit - price) >= 0
    assert min(start, end) <= price <= max(start, end)
    if sign * (limit - start) < 0:
        assert price == limit
    assert paths.limit_price(side, limit, None, end) == end


@given(side=st.sampled_from(["buy", "sell"]), stop=PRICES, start=PRICES, end=PRICES)
def test_a_stop_trades_at_its_price_or_where_the_way_began_beyond_it(
    side: str, stop: Decimal, start: Decimal, end: Decimal
):
    beyond = start >= stop if side == "buy" else start <= stop
    assert paths.stop_price(side, stop, start, end) == (start if beyond else stop)
    assert paths.stop_price(side, stop, None, end) == end


# Live rounds


@pytest.mark.parametrize("minutes", [1, 30])
def test_a_live_tick_is_no_hindsight_so_that_resting_at_it_earns_nothing(minutes: int):
    """The model's price is as likely to go on as to reverse.

    Bids below the market trade at the ask that has come to them, better than their limit. What
    they bought is worth no more than they paid, on the average of later prices.
    """
    specs = [spec for spec in CATALOGUE if spec.symbol in ("AAPL", "BTC-USD")]
    model = MarketModel(specs, seed=42, at=NOW)
    at, ticks = NOW, []
    for _ in range(1_500):
        at += timedelta(minutes=minutes)
        ticks.append({tick.symbol: tick for tick in model.step(at).ticks}["BTC-USD"])
    gains = []
    for number in range(0, len(ticks) - 20, 5):
        wanted = ticks[number].bid * Decimal("0.9995")
        fill = next((n for n in range(number, number + 10) if ticks[n].ask <= wanted), None)
        if fill is not None:
            later = ticks[fill + 10]
            gains.append(float((later.bid + later.ask) / 2 / ticks[fill].ask - 1))
    mean = sum(gains) / len(gains)
    deviation = (sum((gain - mean) ** 2 for gain in gains) / len(gains)) ** 0.5
    assert len(gains) > 50
    assert mean < 2 * deviation / len(gains) ** 0.5
