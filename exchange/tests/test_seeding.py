"""seed_market: a price history, and in development users to try the market with."""

from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.utils import timezone

from authentication.models import User
from exchange.management.progress import ProgressBar
from exchange.market import candles, revisions
from exchange.models import Candle, Execution, Instrument, Interval, Quote
from exchange.seeding import listing
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.tests import market

pytestmark = pytest.mark.django_db


def seed(out: StringIO | None = None, *arguments: str) -> str:
    out = out or StringIO()
    call_command("seed_market", *(arguments or ("--days=40", "--minutes=1d")), stdout=out)
    return out.getvalue()


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_seeding_makes_a_market_with_a_past_and_a_customer_with_one(settings):
    settings.DEBUG = True
    seed()
    assert Instrument.objects.count() == len(CATALOGUE) == Quote.objects.count()
    demo = User.objects.get(email=settings.DEMO_EMAIL)
    assert demo.check_password(settings.DEMO_PASSWORD)
    assert User.objects.get(email=settings.ADMIN_EMAIL).is_superuser
    assert Execution.objects.filter(order__owner=demo).count() > 2
    market.assert_books_are_right()


def test_candles_of_one_path_agree_with_each_other_and_with_the_quote():
    seed()
    for quote in Quote.objects.select_related("instrument"):
        mine = Candle.objects.filter(instrument=quote.instrument)
        today = mine.filter(interval=Interval.ONE_DAY).latest("time")
        minutes = list(
            mine.filter(interval=Interval.ONE_MINUTE, time__gte=today.time).order_by("time")
        )
        assert today.time.date() == quote.session_date
        assert today.high == max(minute.high for minute in minutes) == quote.high
        assert today.low == min(minute.low for minute in minutes) == quote.low
        assert today.close == minutes[-1].close == quote.price
        assert quote.bid <= quote.price <= quote.ask
        days = list(mine.filter(interval=Interval.ONE_DAY).order_by("time"))
        assert len(days) == 41
        assert days[-2].close == quote.previous_close
        gaps = {after.time - before.time for before, after in pairwise(days)}
        assert gaps == {timedelta(days=1)}
        for before, after in pairwise(days):
            assert after.open == before.close
            assert after.low <= min(after.open, after.close)
            assert after.high >= max(after.open, after.close)


def test_coarse_candles_are_the_fold_of_the_finer_ones_in_them():
    seed()
    stored = list(Candle.objects.order_by("instrument_id", "interval", "time"))
    by_interval: dict[str, dict[tuple[UUID, datetime], Candle]] = {each: {} for each in Interval}
    for row in stored:
        by_interval[row.interval][row.instrument_id, row.time] = row
    checked = 0
    for fine, coarse in pairwise(Interval):
        parts: dict[tuple[UUID, datetime], list[Candle]] = {}
        for row in by_interval[fine].values():
            key = (row.instrument_id, candles.start_of(row.time, coarse))
            parts.setdefault(key, []).append(row)
        for key, inside in parts.items():
            whole = by_interval[coarse][key]
            if key[1] < inside[0].time:
                continue  # the finer ones are kept from within it only
            assert whole.open == inside[0].open
            assert whole.high == max(each.high for each in inside)
            assert whole.low == min(each.low for each in inside)
            assert whole.close == inside[-1].close
            assert whole.volume == sum(each.volume for each in inside)
            checked += 1
    assert checked > 10_000


def test_a_market_that_is_quoted_already_gets_a_past_that_ends_there(settings):
    settings.DEBUG = True
    listing.list_instruments(CATALOGUE, now=timezone.now())
    aapl = Instrument.objects.get(symbol="AAPL")
    market.set_quote(aapl, "123.45", "123.47", at=timezone.now())
    before = Quote.objects.get(instrument=aapl)
    seed()
    after = Quote.objects.get(instrument=aapl)
    assert (after.price, after.sequence) == (before.price, before.sequence)
    for interval in Interval:
        newest = Candle.objects.filter(instrument=aapl, interval=interval).latest("time")
        assert newest.close == Decimal("123.45")
    assert Quote.objects.count() == len(CATALOGUE)
    assert User.objects.count() == 0


def test_its_length_is_given_in_years_or_days_and_days_of_minutes(settings):
    settings.DEBUG = False
    seed(None, "--years=2", "--minutes=1d")
    aapl = Candle.objects.filter(instrument__symbol="AAPL")
    days, minutes = (aapl.filter(interval=interval) for interval in ("1d", "1m"))
    assert days.count() == 2 * 365 + 1
    assert minutes.earliest("time").time == days.latest("time").time - timedelta(days=1)


@pytest.mark.parametrize("arguments", [["--days=0"], ["--minutes=9x"], ["--days=2", "--minutes=2"]])
def test_odd_lengths_are_refused(arguments: list[str]):
    with pytest.raises(CommandError):
        seed(None, *arguments)
    assert not Instrument.objects.exists()


def test_a_terminal_gets_a_bar_and_a_file_gets_lines(settings):
    settings.DEBUG = False
    bar = seed(Terminal())
    assert "\r  [##" in bar
    assert "[##############################] 100%  writing candles" in bar
    lines = StringIO()
    progress = ProgressBar(OutputWrapper(lines))
    for step in range(101):
        progress.show(step / 100, "writing candles")
    progress.say("done")
    assert lines.getvalue().splitlines() == [
        *(f"  {percent:3d}%  writing candles" for percent in (0, 25, 50, 75, 100)),
        "  done",
    ]


def test_seeding_twice_changes_nothing():
    unseeded = revisions.last()
    seed()
    before, revision = Candle.objects.count(), revisions.last()
    assert revision > unseeded  # whoever keeps market data reads it again
    assert "already" in seed()
    assert (Candle.objects.count(), revisions.last()) == (before, revision)


def test_without_debug_nobody_is_made_up(settings):
    settings.DEBUG = False
    seed()
    assert User.objects.count() == 0
    assert Quote.objects.count() == len(CATALOGUE)
