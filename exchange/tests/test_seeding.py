"""seed_market: a past for the market, and in development people to try it with."""

from datetime import timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.core.management import call_command

from authentication.models import User
from banking import books
from exchange.models import Candle, Execution, Instrument, Interval, Quote
from exchange.simulator.universe import CATALOGUE
from exchange.trading import reconciliation

pytestmark = pytest.mark.django_db


def seed(**options: int) -> str:
    out = StringIO()
    call_command("seed_market", stdout=out, **{"days": 40, "minutes": 1, **options})
    return out.getvalue()


def test_seeding_makes_a_market_with_a_past_and_a_customer_with_one(settings):
    settings.DEBUG = True
    seed()
    assert Instrument.objects.count() == len(CATALOGUE) == Quote.objects.count()
    demo = User.objects.get(email=settings.DEMO_EMAIL)
    assert demo.check_password(settings.DEMO_PASSWORD)
    assert User.objects.get(email=settings.ADMIN_EMAIL).is_superuser
    assert Execution.objects.filter(order__owner=demo).count() > 2
    assert [*books.check(), *reconciliation.check()] == []


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


def test_seeding_twice_changes_nothing():
    seed()
    candles = Candle.objects.count()
    assert "already" in seed()
    assert Candle.objects.count() == candles


def test_without_debug_nobody_is_made_up(settings):
    settings.DEBUG = False
    seed()
    assert User.objects.count() == 0
    assert Quote.objects.count() == len(CATALOGUE)
