"""The figures of a day are the same in every period and at every later time.

Tested on any history, with old candles pruned in between.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import hypothesis
import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from be.kernel.refusals import Refusal
from exchange.market import retention
from exchange.tests.market import make_customer, make_instrument, place
from portfolio import performance
from portfolio.periods import Period
from portfolio.tests.accounts import deposit, reprice, withdraw

BEGIN = datetime(2026, 3, 5, 13, 40, tzinfo=UTC)  # a Thursday
MIDNIGHT = BEGIN.replace(hour=0, minute=0)
DAY = timedelta(days=1)
LONG = {Period.MONTH, Period.QUARTER, Period.YEAR, Period.ALL}
ASKED = [(timedelta(0), set(Period)), (timedelta(minutes=7), set(Period)), (3 * DAY, set(Period))]
ASKED += [(days * DAY, LONG) for days in (15, 35, 120)]

waits = st.sampled_from([timedelta(seconds=20), timedelta(minutes=17), timedelta(hours=3), DAY])
prices = st.integers(min_value=2_000, max_value=20_000).map(lambda cents: f"{cents / 100:.2f}")
events = st.tuples(
    waits, st.sampled_from(["buy", "sell", "deposit", "withdraw", "sleep", "tick"]), prices
)


class _Undone(Exception):
    """Takes back what an example has written."""


@contextmanager
def example() -> Iterator[None]:
    with suppress(_Undone), transaction.atomic():
        yield
        raise _Undone


def live(events):
    """Carry the events out; returns the customer and the time of the last one."""
    aapl, spy = make_instrument("AAPL"), make_instrument("SPY", "etf")
    alice, now = make_customer("alice@example.com", dollars="0"), BEGIN
    for wait, kind, price in events:
        now += wait
        if kind != "sleep":  # the simulator is awake, and the order or transfer comes after a round
            reprice(aapl, price, at=now)
            reprice(spy, f"{200 - float(price) / 2:.2f}", at=now)
            now += timedelta(seconds=1)
        with suppress(Refusal):
            book_event(alice, kind, now)
    return alice, now


def book_event(alice, kind, now):
    match kind:
        case "deposit" | "sleep":
            deposit(alice, "1234.56", at=now)
        case "withdraw":
            withdraw(alice, "400", at=now)
        case "buy" | "sell":
            place(alice, kind, None, notional="300", symbol="AAPL", now=now)


def step_by_step(document):
    """The figures of each hour and each UTC day: equity at its end, and the returns over it."""
    answers = {}
    points = [point for point in document.series if point.time != document.end]
    for name, multiple in (("hour", timedelta(hours=1)), ("day", DAY)):
        whole = [
            point
            for point in points
            if not (point.time - BEGIN.replace(hour=0, minute=0)) % multiple
        ]
        for before, after in pairwise(whole):
            if after.time - before.time == multiple:
                answers[name, after.time] = (after.equity, *growth(before, after))
    return answers


def altogether(document):
    returns = (document.time_weighted_return, document.benchmark_return)
    return (document.gain, *(None if each is None else round(each, 9) for each in returns))


def growth(before, after):
    for figure in ("time_weighted_return", "benchmark_return"):
        first, second = getattr(before, figure), getattr(after, figure)
        known = first is not None and second is not None and first > -1
        yield round((1 + second) / (1 + first) - 1, 9) if known else None


@pytest.mark.django_db
@pytest.mark.parametrize("has_hours", [False, True])
@hypothesis.settings(
    max_examples=6,
    # Each step towards a simpler example takes seconds.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=st.lists(events, min_size=6, max_size=24))
def test_a_day_is_told_the_same_whenever_and_for_whichever_period(has_hours, settings, events):
    settings.EXCHANGE_MARKET_HOURS = has_hours
    with example():
        alice, end = live([(timedelta(0), "deposit", "100.00"), *events])
        answers = defaultdict(set)
        for later, periods in ASKED:
            retention.prune(now=end + later, at_most=1_000_000)
            for period in sorted(periods):
                document = performance.performance(
                    owner_id=alice.pk, period=period, benchmark=None, now=end + later
                )
                for step, figures in step_by_step(document).items():
                    answers[step].add(figures)
                if document.start_equity == 0:  # all of the history, and prices rest since its end
                    answers["altogether"].add(altogether(document))
        assert {step: figures for step, figures in answers.items() if len(figures) > 1} == {}
