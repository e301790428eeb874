"""Lots of integers, as they are computed, against lots of fractions, as they are defined."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.rules import lots
from portfolio.rules.lot_methods import MethodChange, MethodHistory
from portfolio.rules.lots import LotMethod
from portfolio.tests import plain_lots
from portfolio.tests.plain_lots import Split, Trade

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@st.composite
def a_history(draw):
    """Trades and splits of units and cents; now and then a sale of more than is held.

    Sales name lots, also such as are gone, or are smaller than what is named of them.
    """
    held, at = 0, NOON
    events: list[plain_lots.Event] = []
    for number in range(draw(st.integers(0, 25))):
        at += draw(st.sampled_from([timedelta(seconds=1), timedelta(hours=20)]))
        kind = draw(st.sampled_from(["buy", "sell", "split"]))
        if kind == "buy" or not held:
            units, cents = draw(st.integers(1, 10**4)), draw(st.integers(0, 10**6))
            events.append(Trade(f"{number}", "buy", shares(units), dollars(cents), at))
            held += units
        elif kind == "sell":
            units = draw(st.integers(1, held + (draw(st.integers(0, 20)) == 0)))
            cents = draw(st.integers(0, 10**6))
            named = draw(st.lists(st.sampled_from([*range(number)]), max_size=3, unique=True))
            each = units // (len(named) or 1)
            wanted = [(f"{lot}", shares(each)) for lot in named if each]
            events.append(Trade(f"{number}", "sell", shares(units), dollars(cents), at, wanted))
            held -= units
        else:
            after = draw(st.one_of(st.integers(0, 5), st.integers(1, 10**5)))
            events.append(Split(f"{number}", shares(held), shares(after), at))
            held = after
        if held < 0:
            break
    return events


def shares(units):
    return Decimal(units).scaleb(-6)


def dollars(cents):
    return Decimal(cents).scaleb(-2)


@st.composite
def a_choice(draw):
    """A method throughout, or one that is changed every so many days."""
    if draw(st.booleans()):
        return draw(st.sampled_from(LotMethod))
    days = draw(st.lists(st.integers(-2, 30), max_size=5, unique=True).map(sorted))
    methods = draw(st.lists(st.sampled_from(LotMethod), min_size=5, max_size=5))
    changes = [
        MethodChange(NOON.date() + timedelta(days=day), method)
        for day, method in zip(days, methods, strict=False)
    ]
    return MethodHistory("own1", changes)


@given(a_history(), a_choice())
def test_lots_of_integers_are_those_of_fractions(history, method):
    # match_lots compares them itself.
    with suppress(plain_lots.OversoldPosition):
        plain_lots.match_lots(history, method=method)


@pytest.mark.parametrize(("cents", "left"), [(1, 0), (3, 2), (5, 2), (7, 4)])
@pytest.mark.parametrize("method", LotMethod)
def test_half_a_cent_of_cost_is_rounded_to_the_even_one(cents, left, method):
    history = [
        Trade("1", "buy", shares(2), dollars(cents), NOON),
        Trade("2", "sell", shares(1), dollars(0), NOON),
    ]
    book = plain_lots.match_lots(history, method=method)
    assert (book.cost_basis, book.realized_pnl) == (dollars(left), dollars(left - cents))


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, 9), st.integers(-1, 1))
def test_costs_a_unit_are_ordered_as_exactly_as_fractions(cost, units, more, fewer):
    """Also of fractions that are next to each other: (2**63 - 2) / (2**63 - 1) and the like."""
    a, b = open_lot(cost, units), open_lot(cost + more, max(units + fewer, 1))
    exact_a, exact_b = Fraction(a.cost, a.units), Fraction(b.cost, b.units)
    assert (lots.rank(a) > lots.rank(b)) == (exact_a > exact_b)
    assert (lots.rank(a) == lots.rank(b)) == (exact_a == exact_b)


def open_lot(cost, units):
    return lots.OpenLot(1, "1", 0, units, cost, units, cost)


def test_no_trade_is_earlier_than_the_one_booked_before_it():
    events = [
        lots.Event(lots.BUY, "1", 2, 400, 60),
        lots.Event(lots.SELL, "2", 1, 400, 0),
        lots.Event(lots.SELL, "3", 1, 400, 120),
    ]

    found = lots.fold(events, LotMethod.FIFO)

    assert [(sale.sold, sale.parts[0].acquired) for sale in found.sales] == [(60, 60), (120, 60)]
