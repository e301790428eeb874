"""The feed: recording rounds that come once, twice, late, or are interrupted."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from exchange import engine
from exchange.market import candles, feed
from exchange.market.rules.ticks import Round, Tick
from exchange.models import (
    SIMULATOR,
    Candle,
    Instrument,
    InstrumentStatus,
    Interval,
    Quote,
    Simulator,
)
from exchange.tests import market

START = market.NOW + timedelta(seconds=10)


def tick(price: str, volume: str = "1", symbol: str = "AAPL") -> Tick:
    return market.tick(symbol, price, "999.00", volume=volume)


def advance(price: str, seconds: float, sequence: int | None = None, volume: str = "1") -> None:
    engine.advance(Round(START + timedelta(seconds=seconds), (tick(price, volume),), sequence))


def everything() -> tuple[list[object], list[object]]:
    fields = ("instrument_id", "interval", "time", "open", "high", "low", "close", "volume")
    stored = Candle.objects.order_by(*fields[:3]).values_list(*fields)
    return [*Quote.objects.order_by("pk").values()], [*stored]


def test_a_round_that_comes_twice_changes_nothing(aapl: Instrument):
    advance("191.00", 0, sequence=7)
    before = everything()
    advance("191.00", 0, sequence=7)
    advance("250.00", 30, sequence=7)
    assert everything() == before
    assert Simulator.objects.get(name=SIMULATOR).rounds == 7


def test_an_older_round_changes_nothing_and_a_gap_is_no_obstacle(aapl: Instrument):
    advance("191.00", 0, sequence=7)
    advance("193.00", 4, sequence=9)
    before = everything()
    advance("192.00", 2, sequence=8)
    assert everything() == before
    advance("194.00", 6)  # without a number: the next one
    assert Simulator.objects.get(name=SIMULATOR).rounds == 10
    assert Quote.objects.get().price == 194


def test_a_late_tick_leaves_the_quote_and_counts_once_in_its_candles(aapl: Instrument):
    advance("191.00", 0, sequence=1, volume="5")
    advance("192.00", 65, sequence=2)
    quotes, _ = everything()
    for _ in range(2):  # the second is a repetition
        advance("200.00", 20, sequence=3, volume="2")
    assert everything()[0] == quotes
    first, second = Candle.objects.filter(interval="1m").order_by("time")
    assert (first.open, first.high, first.low, first.close) == (191, 200, 191, 191)
    assert first.volume == 7_000_000
    assert (second.open, second.high, second.close, second.volume) == (192, 192, 192, 1_000_000)
    day = Candle.objects.get(interval="1d")
    assert (day.open, day.high, day.close, day.volume) == (191, 200, 192, 8_000_000)


def test_a_late_tick_opens_the_candle_that_its_time_has_not(aapl: Instrument):
    advance("191.00", 0)
    advance("192.00", 200)
    advance("190.50", 80)
    minutes = Candle.objects.filter(interval="1m").order_by("time")
    assert [minute.close for minute in minutes] == [191, Decimal("190.5"), 192]


def test_only_the_symbols_that_are_ahead_take_it_for_late(aapl: Instrument):
    msft = market.make_instrument("MSFT")
    market.set_quote(msft, "400.00", "400.02")
    advance("191.00", 60)
    at = START + timedelta(seconds=30)
    recorded = feed_atomically(Round(at, (tick("180.00"), tick("401.00", symbol="MSFT"))))
    assert recorded is not None
    assert [quote.instrument.symbol for quote in recorded.quotes] == ["MSFT"]
    assert Quote.objects.get(instrument=aapl).price == 191
    assert Quote.objects.get(instrument=msft).price == 401
    assert Candle.objects.get(instrument=aapl, interval="1d").low == 180


def test_a_halted_instrument_has_no_candles_either(aapl: Instrument):
    Instrument.objects.update(status=InstrumentStatus.HALTED)
    before = everything()
    advance("191.00", 0)
    assert everything() == before


def test_a_symbol_that_is_not_listed_is_left_out(aapl: Instrument):
    recorded = feed_atomically(Round(START, (tick("5.00", symbol="NOPE"), tick("191.00"))))
    assert recorded is not None
    assert [quote.price for quote in recorded.quotes] == [191]


def feed_atomically(round_: Round) -> feed.Recorded | None:
    with transaction.atomic():
        return feed.record(round_)


@pytest.mark.parametrize("after", ["count", "quotes"])
def test_a_recorder_that_dies_on_its_way_leaves_nothing_behind(
    aapl: Instrument, monkeypatch: pytest.MonkeyPatch, after: str
):
    advance("191.00", 0)
    before, rounds = everything(), Simulator.objects.get(name=SIMULATOR).rounds
    write = feed.write

    class Killed(BaseException):
        pass

    def die(*given: object, **options: object) -> None:
        if after == "quotes":
            write(*given, **options)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(feed, "write", die)
    with pytest.raises(Killed):
        advance("199.00", 90)
    monkeypatch.undo()
    assert everything() == before
    assert Simulator.objects.get(name=SIMULATOR).rounds == rounds
    advance("199.00", 90)
    assert Quote.objects.get().price == 199


# Any rounds in any order --------------------------------------------------------------------------

Event = tuple[int, int, int]  # sequence, seconds after START, price in cents


def folded(events: list[Event], interval: Interval) -> list[candles.Bar]:
    """The expected candles, computed from their definition."""
    taken, last = [], 0
    newest = market.NOW  # where the quote stands before the first round
    for sequence, seconds, cents in events:
        if sequence <= last:
            continue
        last = sequence
        at, price = START + timedelta(seconds=seconds), Decimal(cents) / 100
        taken.append((candles.start_of(at, interval), price, at < newest))
        newest = max(newest, at)
    bars = []
    for time, group in groupby(sorted(taken, key=lambda each: each[0]), key=lambda each: each[0]):
        ticks = [(price, late) for _, price, late in group]
        prices = [price for price, _ in ticks]
        # Late ticks do not set the close, unless they opened the candle.
        closing = prices[0]
        for price, late in ticks:
            closing = closing if late else price
        volume = len(ticks) * 1_000_000
        bars.append(candles.Bar(time, prices[0], max(prices), min(prices), closing, volume))
    return bars


class AnyRoundsInAnyOrder(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(1, 30), st.integers(0, 7200), st.integers(15_000, 25_000)),
            max_size=12,
        )
    )
    def test_candles_are_the_fold_of_the_rounds_that_counted(self, events: list[Event]) -> None:
        aapl = market.make_instrument("AAPL")
        market.set_quote(aapl)
        for sequence, seconds, cents in events:
            advance(f"{Decimal(cents) / 100:.2f}", seconds, sequence)
        for interval in Interval:
            stored = candles.read(
                aapl, interval, start=datetime.min.replace(tzinfo=START.tzinfo), end=None, limit=100
            )
            assert stored == folded(events, interval)
