"""Variance time, by the time of day."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.simulator.model import variance_clock

YEAR = timedelta(days=365.25)
# A Monday, 9:30 in New York.
OPENING = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
CLOSING = OPENING + timedelta(hours=6.5)


def passed(*moments):
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    edges = [(moment - epoch) // timedelta(microseconds=1) for moment in moments]
    return variance_clock.elapsed(np.array(edges))


def test_a_year_of_either_clock_is_a_year():
    time = passed(datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))

    assert time.coins[0] == pytest.approx(20, rel=1e-3)
    assert time.stocks[0] == pytest.approx(20, rel=0.01)  # 250 to 252 sessions a year


def test_a_session_has_two_thirds_of_a_day_and_the_weekend_before_it_the_rest():
    friday = CLOSING - timedelta(days=3)
    night, day = passed(friday, OPENING, CLOSING).stocks * variance_clock.SESSIONS_PER_YEAR

    assert night == pytest.approx(variance_clock.OVERNIGHT_SHARE)
    assert night + day == pytest.approx(1)


def test_the_opening_is_livelier_than_the_close_and_the_close_than_noon():
    half_hours = [OPENING + timedelta(minutes=30 * number) for number in range(14)]
    rates = passed(*half_hours).stocks

    assert 3 < rates[0] / rates[6] < 5
    assert 1.1 < rates[-1] / rates[6] < 1.8
    assert passed(CLOSING, CLOSING + timedelta(minutes=30)).stocks[0] < rates.min() / 3


def test_a_half_day_has_about_half_a_days_variance():
    opening = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    half = passed(opening, opening + timedelta(hours=3.5)).stocks[0]
    whole = passed(OPENING, CLOSING).stocks[0]

    assert half / whole == pytest.approx(3.5 / 6.5)


FIRST = datetime(2024, 1, 1, tzinfo=UTC)
moments = st.timedeltas(min_value=timedelta(0), max_value=5 * YEAR).map(lambda late: FIRST + late)


@given(st.lists(moments, min_size=3, max_size=6, unique=True).map(sorted))
def test_steps_add_up_whatever_their_lengths(at):
    """Also over New Year: the variance of the pieces is that of one step."""
    pieces, whole = passed(*at), passed(at[0], at[-1])

    assert pieces.stocks.sum() == pytest.approx(whole.stocks[0], abs=1e-12)
    assert pieces.coins.sum() == pytest.approx(whole.coins[0])
    # The covariance of one noise on the two clocks is additive, as variances are.
    covariance = (pieces.overlap * np.sqrt(pieces.stocks * pieces.coins)).sum()
    assert covariance == pytest.approx(
        whole.overlap[0] * np.sqrt(whole.stocks[0] * whole.coins[0]), rel=1e-3, abs=1e-9
    )
    assert (pieces.stocks >= 0).all()
    assert (pieces.overlap <= 1).all()
