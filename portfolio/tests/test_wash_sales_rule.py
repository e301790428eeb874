"""Wash sales: the published examples, a count share by share, and what holds for any history."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.instants import instant
from portfolio.rules import lots
from portfolio.rules.lots import BUY, SELL, SPLIT, Event, Fold, LotMethod, term_between
from portfolio.rules.wash_sales import AdjustedLots, WashSales, trade_day

FIRST = date(2026, 3, 2)


def noon(day):
    """Noon in New York, or an hour later in summer."""
    return instant(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=17))


def buy(day, units, dollars, *, id=None):
    return Event(BUY, id or f"buy {day}", units, dollars * 100, noon(date.fromisoformat(day)))


def sell(day, units, dollars, *, id=None):
    return Event(SELL, id or f"sell {day}", units, dollars * 100, noon(date.fromisoformat(day)))


def split(day, before, after):
    return Event(SPLIT, f"split {day}", before, after, noon(date.fromisoformat(day)))


def adjusted(events, *, method=LotMethod.FIFO, orders=None, splits=(), is_covered=True):
    """All sales of a history, adjusted."""
    found = AdjustedLots(Fold(method), WashSales(splits, is_covered))
    sales = (found.add(each, order=(orders or {}).get(each.id, each.id)) for each in events)
    return [sale for sale in sales if sale is not None]


def replaced(sales):
    """(sold lot, replacing lot, units sold, dollars disallowed, adjusted dollars) of all sales."""
    return [
        (part.lot_id, each.lot_id, each.sold_units, each.disallowed / 100, each.adjusted_cost / 100)
        for sale in sales
        for part in sale.parts
        for each in part.replacements
    ]


# 26 CFR 1.1091-1(h), its three examples, 56 years later -----------------------------------------


def test_regulation_example_1_the_shares_bought_before_replace_those_sold():
    sales = adjusted(
        [buy("2010-12-01", 100, 10000), buy("2010-12-15", 100, 9000), sell("2011-01-03", 100, 9000)]
    )

    assert replaced(sales) == [("buy 2010-12-01", "buy 2010-12-15", 100, 1000, 10000)]


def test_regulation_example_2_a_loss_is_disallowed_as_far_as_there_are_replacements():
    [sale] = sales = adjusted(
        [
            buy("2010-09-21", 100, 5000),
            buy("2010-12-21", 50, 2750),
            buy("2010-12-27", 25, 1125),
            sell("2011-01-03", 100, 4000),
        ]
    )

    assert replaced(sales) == [
        ("buy 2010-09-21", "buy 2010-12-21", 50, 500, 3250),
        ("buy 2010-09-21", "buy 2010-12-27", 25, 250, 1375),
    ]
    [part] = sale.parts
    assert (part.loss, part.disallowed, part.washed) == (100000, 75000, 75)


def test_regulation_example_3_the_first_shares_bought_replace_and_were_held_for_longer():
    [sale] = sales = adjusted(
        [
            buy("2010-09-15", 100, 5000),
            sell("2012-02-01", 100, 4000),
            *(buy(f"2012-02-{day}", 50, 2000) for day in (15, 16, 17, 18)),
        ]
    )

    assert replaced(sales) == [
        ("buy 2010-09-15", "buy 2012-02-15", 50, 500, 2500),
        ("buy 2010-09-15", "buy 2012-02-16", 50, 500, 2500),
    ]
    # "There is to be included the period for which the 100 shares [...] were held": 504 days.
    [part] = sale.parts
    assert [each.held_since for each in part.replacements] == [
        date(2012, 2, 15) - timedelta(days=504),
        date(2012, 2, 16) - timedelta(days=504),
    ]


# 26 CFR 1.1091-2(a), examples 1 and 2, and Publication 550, "Wash Sales" ------------------------


@pytest.mark.parametrize(("price", "basis"), [(90, 110), (70, 90)])
def test_regulation_examples_of_the_basis_of_one_new_share(price, basis):
    sales = adjusted(
        [buy("1991-06-03", 1, 100), sell("2011-01-15", 1, 80), buy("2011-02-01", 1, price)]
    )

    assert replaced(sales) == [("buy 1991-06-03", "buy 2011-02-01", 1, 20, basis)]


def test_publication_550_the_loss_is_added_to_the_cost_of_the_new_stock():
    sales = adjusted(
        [buy("2025-03-03", 100, 1000), sell("2025-06-02", 100, 750), buy("2025-06-20", 100, 800)]
    )

    assert replaced(sales) == [("buy 2025-03-03", "buy 2025-06-20", 100, 250, 1050)]


def test_publication_550_less_stock_bought_than_sold():
    sales = adjusted(
        [
            buy("2024-09-24", 100, 5000),
            buy("2024-12-20", 50, 2750),
            buy("2024-12-27", 25, 1125),
            sell("2025-01-03", 100, 4000),
        ]
    )

    assert [row[3:] for row in replaced(sales)] == [(500, 3250), (250, 1375)]


def test_publication_550_more_stock_bought_than_sold():
    sales = adjusted(
        [
            buy("2023-09-15", 100, 5000),
            sell("2025-02-03", 100, 4000),
            *(buy(f"2025-02-{day}", 50, 2000) for day in (11, 12, 13, 14)),
        ]
    )

    assert [row[1:4] for row in replaced(sales)] == [
        ("buy 2025-02-11", 50, 500),
        ("buy 2025-02-12", 50, 500),
    ]


# What is no wash sale, and where the window ends ------------------------------------------------


@pytest.mark.parametrize(
    ("bought", "is_washed"),
    [("2026-03-02", False), ("2026-03-03", True), ("2026-05-02", True), ("2026-05-03", False)],
)
def test_the_window_has_61_days(bought, is_washed):
    events = [buy("2025-01-02", 10, 1000), buy(bought, 10, 500), sell("2026-04-02", 10, 400)]

    sales = adjusted(sorted(events, key=lambda event: event.at))

    assert bool(replaced(sales)) is is_washed


def test_a_day_is_one_in_new_york():
    # 03:30 UTC on 5 May is 23:30 on 4 May in New York: a day later, 30 days after the sale.
    late = instant(datetime(2026, 5, 5, 3, 30, tzinfo=UTC))
    assert trade_day(late) == date(2026, 5, 4)
    events = [buy("2026-01-02", 1, 100), sell("2026-04-04", 1, 50), Event(BUY, "late", 1, 1, late)]
    assert len(replaced(adjusted(events))) == 1
    assert replaced(adjusted([*events[:2], events[2]._replace(at=late + 3_600_000_000)])) == []


def test_a_gain_is_no_wash_sale():
    events = [buy("2026-03-02", 10, 1000), sell("2026-03-03", 10, 1000), buy("2026-03-04", 10, 1)]
    assert replaced(adjusted(events)) == []


def test_what_is_left_of_the_lot_that_is_sold_from_replaces_nothing():
    """Revenue Ruling 56-602."""
    assert replaced(adjusted([buy("2026-03-02", 100, 1000), sell("2026-03-03", 60, 300)])) == []


def test_fills_of_one_order_are_one_purchase():
    fills = [buy("2026-03-02", 60, 600, id="a"), buy("2026-03-02", 40, 400, id="b")]
    events = [*fills, sell("2026-03-03", 50, 250)]

    assert replaced(adjusted(events, orders={"a": "order", "b": "order"})) == []
    assert [row[2:4] for row in replaced(adjusted(events))] == [(40, 200)]


def test_what_the_same_order_buys_after_the_sale_replaces():
    events = [
        buy("2026-03-02", 60, 600, id="a"),
        sell("2026-03-03", 50, 250),
        buy("2026-03-04", 40, 400, id="b"),
    ]
    assert len(replaced(adjusted(events, orders={"a": "order", "b": "order"}))) == 1


def test_shares_that_are_sold_together_do_not_replace_each_other():
    events = [buy("2026-03-02", 10, 100), buy("2026-03-03", 10, 100), sell("2026-03-04", 20, 100)]
    assert replaced(adjusted(events)) == []


def test_shares_that_were_sold_before_replace_nothing():
    events = [
        buy("2025-03-02", 10, 100, id="old"),
        buy("2026-03-02", 10, 100, id="new"),
        sell("2026-03-03", 10, 120, id="gain"),
        sell("2026-03-04", 10, 50, id="loss"),
    ]
    assert replaced(adjusted(events, method=LotMethod.LIFO)) == []


@pytest.mark.parametrize(("acquired", "is_washed"), [("2026-02-22", False), ("2026-02-23", True)])
def test_a_lot_from_elsewhere_counts_from_its_own_day(acquired, is_washed):
    old, new = (
        buy("2026-03-20", 10, dollars, id=day)._replace(acquired=noon(date.fromisoformat(day)))
        for day, dollars in (("2025-01-02", 1000), (acquired, 500))
    )
    events = [old, buy("2026-03-20", 1, 50), new, sell("2026-03-25", 10, 400)]

    # The order is that of the days, not of booking.
    assert [row[1:3] for row in replaced(adjusted(events))] == (
        [(acquired, 10)] if is_washed else [("buy 2026-03-20", 1)]
    )


def test_a_coin_has_no_wash_sales():
    events = [buy("2026-03-02", 10, 1000), sell("2026-03-03", 10, 500), buy("2026-03-04", 10, 500)]
    assert replaced(adjusted(events)) != []
    assert replaced(adjusted(events, is_covered=False)) == []


# Chains and splits ------------------------------------------------------------------------------


def test_a_loss_is_carried_from_one_replacement_to_the_next():
    [first, second, last] = adjusted(
        [
            buy("2025-03-03", 10, 1000),
            sell("2026-03-02", 10, 900),  # 100 lost, held for 364 days
            buy("2026-03-09", 10, 850),
            sell("2026-03-16", 10, 800),  # 50 more
            buy("2026-03-23", 10, 820),
            sell("2026-06-01", 10, 700),  # 120 more, and nobody buys again
        ]
    )

    [a], [b], [c] = first.parts, second.parts, last.parts
    assert (a.loss, a.disallowed, a.carried) == (10000, 10000, 0)
    assert (b.loss, b.disallowed, b.carried) == (15000, 15000, 10000)
    assert (c.loss, c.disallowed, c.carried) == (27000, 0, 15000)
    assert b.held_since == date(2026, 3, 9) - timedelta(days=364)
    assert c.held_since == date(2026, 3, 23) - timedelta(days=364 + 7)
    assert term_between(acquired=c.held_since, sold=last.day) == "long"


def test_of_a_lot_the_shares_that_replaced_others_are_sold_first():
    [_, later] = adjusted(
        [
            buy("2025-03-03", 4, 400),
            sell("2026-03-02", 4, 300),
            buy("2026-03-09", 10, 800),
            sell("2026-09-01", 6, 600),
        ]
    )

    assert [(part.units, part.carried, part.proceeds - part.cost) for part in later.parts] == [
        (4, 10000, 8000),
        (2, 0, 4000),
    ]


def test_a_split_between_sale_and_replacement():
    sales = adjusted(
        [buy("2025-03-03", 10, 1000), sell("2026-03-02", 10, 900), buy("2026-03-09", 15, 700)],
        splits=[(noon(date(2026, 3, 4)), Fraction(3))],
    )

    # 15 new shares are 5 old ones; half of the loss is disallowed.
    assert replaced(sales) == [("buy 2025-03-03", "buy 2026-03-09", 5, 50, 750)]
    [replacement] = sales[0].parts[0].replacements
    assert replacement.units == 15


def test_a_split_between_replacement_and_sale():
    sales = adjusted(
        [
            buy("2025-03-03", 10, 1000),
            buy("2026-03-02", 4, 400),
            split("2026-03-03", 14, 28),
            sell("2026-03-04", 20, 900),
            sell("2026-06-01", 8, 400),
        ],
        splits=[(noon(date(2026, 3, 3)), Fraction(2))],
    )

    assert replaced(sales) == [("buy 2025-03-03", "buy 2026-03-02", 8, 40, 440)]
    assert [part.carried for part in sales[1].parts] == [4000]


def test_a_lot_of_which_a_split_leaves_nothing_hands_on_the_loss_that_it_carries():
    [_, last] = adjusted(
        [
            buy("2025-03-03", 1, 100, id="old"),
            sell("2026-03-02", 1, 50),
            buy("2026-03-03", 1, 40, id="replaces"),
            buy("2026-03-04", 99, 4000, id="more"),
            split("2026-03-05", 100, 1),
            sell("2026-09-01", 1, 9000),
        ]
    )

    assert sum(part.carried for part in last.parts) == 5000
    assert sum(part.cost for part in last.parts) == 404000


# Any history ------------------------------------------------------------------------------------


@dataclass
class Share:
    """One share, counted by itself."""

    bought: Event
    day: date
    since: date
    cost: int
    carried: int = 0
    is_used: bool = False
    is_sold: bool = False


def share_by_share(events, method):
    """(sale, lot, replacing lot, disallowed, held since) of each share that is washed, sorted."""
    shares = [
        Share(each, trade_day(each.at), trade_day(each.at), each.second // each.first)
        for each in events
        if each.kind == BUY
        for _ in range(each.first)
    ]
    found = []
    for sale in lots.fold(events, method).sales:
        event = next(each for each in events if each.id == sale.id)
        day = trade_day(sale.sold)
        sold = []
        for part in sale.parts:
            of_lot = [each for each in shares if each.bought.id == part.lot_id and not each.is_sold]
            # Those that carry a loss first, in the order in which they took it over.
            of_lot.sort(key=lambda each: not each.is_used)
            sold += of_lot[: part.units]
            for each in of_lot[: part.units]:
                each.is_sold = True
        for each in sorted(sold, key=lambda each: each.bought.at):
            loss = each.cost + each.carried - event.second // event.first
            held = [
                other
                for other in shares
                if not other.is_used
                and not other.is_sold
                and abs((other.day - day).days) <= 30
                and other.bought.id != each.bought.id
            ]
            if loss > 0 and held:
                heir = min(held, key=lambda other: other.bought.at)
                heir.is_used, heir.carried = True, loss
                heir.since = heir.day - (day - each.since)
                found.append((sale.id, each.bought.id, heir.bought.id, loss, heir.since))
    return sorted(found)


@st.composite
def histories(draw, *, with_splits=False, exact=True):
    """Purchases and sales of a few shares at whole prices, never of more than there are."""
    events, held, at, splits = [], 0, FIRST, []
    for number in range(draw(st.integers(2, 14))):
        at += timedelta(days=draw(st.integers(1, 25)))
        kinds = [BUY, SELL, SPLIT] if with_splits else [BUY, SELL]
        kind = draw(st.sampled_from(kinds)) if held else BUY
        price = draw(st.integers(1, 20))
        if kind == SPLIT:
            new, old = draw(st.sampled_from([(2, 1), (3, 2), (1, 3)]))
            splits.append((noon(at), Fraction(new, old)))
            after = held * new // old
            events.append(Event(SPLIT, f"{number}", held, after, noon(at)))
            held = after
            continue
        units = draw(st.integers(1, 9 if kind == BUY else held))
        cents = price * units if exact else draw(st.integers(0, 200))
        events.append(Event(kind, f"{number}", units, cents, noon(at)))
        held += kind * units
    return events, splits


@pytest.mark.parametrize("method", [LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO])
@given(history=histories())
def test_each_share_is_matched_as_if_counted_by_itself(method, history):
    events, _ = history

    found = [
        (sale.id, part.lot_id, each.lot_id, each.disallowed // each.sold_units, each.held_since)
        for sale in adjusted(events, method=method)
        for part in sale.parts
        for each in part.replacements
        for _ in range(each.sold_units)
    ]

    assert sorted(found) == share_by_share(events, method)


@pytest.mark.parametrize("method", LotMethod)
@given(history=histories(with_splits=True, exact=False))
def test_no_more_than_the_loss_is_disallowed_and_all_of_it_is_carried(method, history):
    events, splits = history

    found = AdjustedLots(Fold(method), WashSales(splits))
    sales = [sale for each in events if (sale := found.add(each, order=each.id))]

    parts = [part for sale in sales for part in sale.parts]
    for part in parts:
        assert 0 <= part.disallowed <= part.loss
        assert part.washed == sum(each.sold_units for each in part.replacements) <= part.units
    still_carried = sum(
        piece.carried for lot in found.wash_sales._lots.values() for piece in lot.pieces
    )
    carried = sum(part.carried for part in parts)
    assert sum(part.disallowed for part in parts) == carried + still_carried
    for sale, same in zip(sales, lots.fold(events, method).sales, strict=True):
        assert sale.id == same.id
        for name in ("units", "proceeds", "cost"):
            assert _sum(sale.parts, name) == _sum(same.parts, name)


def _sum(parts, name):
    return sum(getattr(part, name) for part in parts)


@given(history=histories())
def test_no_share_replaces_twice(history):
    events, _ = history
    replacing: dict[str, int] = defaultdict(int)
    for sale in adjusted(events):
        for part in sale.parts:
            for each in part.replacements:
                replacing[each.lot_id] += each.units
    bought = {each.id: each.first for each in events if each.kind == BUY}
    assert all(units <= bought[key] for key, units in replacing.items())
