"""An order to sell that names its lots: it is taken from those, or refused with nothing moved."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from be.kernel.refusals import Refusal
from exchange.models import ActionKind, Order, OrderType, Side
from exchange.tests.market import (
    NOW,
    advance,
    assert_books_are_right,
    balance,
    give,
    make_instrument,
    place,
    tick,
)
from exchange.tests.parallel import in_threads
from exchange.trading import orders
from exchange.trading.intake import named_lots
from exchange.trading.intake.requests import NamedLot, OrderRequest
from portfolio import kept_lots, lot_settings, rebuilding
from portfolio.rules.lots import LotMethod
from portfolio.tests.accounts import buy, carry_out, reprice, sell, shown

pytestmark = pytest.mark.django_db

URL = "/api/exchange/api/v1/orders/"


def minutes(count):
    return NOW + timedelta(minutes=count)


def lot_of(order):
    return str(order.executions.get().pk)


@pytest.fixture
def lots(alice, aapl):
    """The ids of three purchases of 10, at 100, 110 and 120."""
    bought = [
        buy(alice, aapl, "10", f"{100 + 10 * number}.00", at=minutes(number)) for number in range(3)
    ]
    reprice(aapl, "130.00", at=minutes(3))
    return [lot_of(order) for order in bought]


@pytest.fixture(params=["folded", "stored"])
def anywhere(request, alice, lots):
    """The lots are in memory or in rows when they are sold."""
    if request.param == "stored":
        for method in LotMethod:
            kept_lots.catch_up(owner_id=alice.pk, lot_method=method)


def named(*pairs):
    return [{"id": lot_id, "quantity": quantity} for lot_id, quantity in pairs]


def send(user, quantity, lots, *, now=None, headers=None, **fields):
    body = {"symbol": "AAPL", "side": "sell", "order_type": "market", "lots": lots} | fields
    if quantity is not None:
        body["quantity"] = quantity
    with time_machine.travel(now or minutes(3), tick=False):
        return signed_in_client(user).post(URL, body, headers=headers)


def sent(user, quantity, lots, **fields):
    answer = send(user, quantity, lots, **fields)
    assert answer.status_code == 201, answer.content
    return answer.json()


def left(user, *, now=None, **query):
    """What is left of each lot, the oldest first."""
    rows = shown(user, "lots", now=now or minutes(9), **query)["results"]
    return [(row["quantity"], row["cost_basis"]) for row in reversed(rows)]


def parts(user, *, now=None, **query):
    """Of each sale, the oldest first: what came from which lot."""
    rows = shown(user, "realized", now=now or minutes(9), **query)["results"]
    return [
        [(part["lot_id"], part["quantity"], part["cost_basis"]) for part in row["parts"]]
        for row in reversed(rows)
    ]


@pytest.mark.usefixtures("anywhere")
def test_a_sale_is_taken_from_the_lots_that_it_names_in_their_order(alice, lots):
    first, second, third = lots
    order = sent(alice, "12", named((third, "7"), (second, "5")))

    assert order["lots"] == named((third, "7"), (second, "5"))
    for method in ("fifo", "lifo", "hifo"):
        assert parts(alice, lot_method=method) == [
            [(third, "7", "840.00"), (second, "5", "550.00")]
        ]
        assert left(alice, lot_method=method) == [
            ("10", "1000.00"),
            ("5", "550.00"),
            ("3", "360.00"),
        ]
    # Nothing is identified under average basis: the oldest first, at the cost of the pool.
    assert parts(alice, lot_method="average") == [
        [(first, "10", "1100.00"), (second, "2", "220.00")]
    ]
    assert rebuilding.differences(alice.pk) == []
    assert_books_are_right()


@pytest.mark.usefixtures("anywhere")
def test_what_is_sold_later_comes_from_what_naming_has_left(alice, aapl, lots):
    first, second, third = lots
    sent(alice, "10", named((second, "10")))
    sell(alice, aapl, "15", "130.00", at=minutes(4))

    assert parts(alice)[1] == [(first, "10", "1000.00"), (third, "5", "600.00")]
    assert left(alice) == [("5", "600.00")]
    for method in LotMethod:
        kept_lots.catch_up(owner_id=alice.pk, lot_method=method)
    assert rebuilding.differences(alice.pk) == []


def test_the_order_shows_its_lots_wherever_it_is_shown(alice, lots):
    order = sent(
        alice, "3", named((lots[1], "1"), (lots[0], "2")), order_type="limit", limit_price="200.00"
    )
    plain = place(alice, "buy", "1", limit="50.00", now=minutes(3))

    client = signed_in_client(alice)
    listed = client.get(URL, {"status": "open"}).json()["results"]

    assert {row["id"]: row["lots"] for row in listed} == {
        order["id"]: named((lots[1], "1"), (lots[0], "2")),
        str(plain.pk): None,
    }
    assert client.get(f"{URL}{order['id']}/").json()["lots"] == order["lots"]
    assert client.delete(f"{URL}{order['id']}/").json()["lots"] == order["lots"]


@pytest.mark.parametrize("stored", [False, True])
def test_each_of_several_fills_goes_on_where_the_one_before_it_ended(alice, aapl, lots, stored):
    first, _, third = lots
    sent(
        alice,
        "12",
        named((third, "5"), (first, "7")),
        order_type="limit",
        limit_price="140.00",
        time_in_force="gtc",
    )
    for minute, size in ((4, "3"), (5, "4"), (6, "50")):
        advance(tick("AAPL", "140.00", "140.01", size=size), at=minutes(minute))
        if stored:
            for method in LotMethod:
                kept_lots.catch_up(owner_id=alice.pk, lot_method=method)

    assert parts(alice) == [
        [(third, "3", "360.00")],
        [(third, "2", "240.00"), (first, "2", "200.00")],
        [(first, "5", "500.00")],
    ]
    assert left(alice) == [("3", "300.00"), ("10", "1100.00"), ("5", "600.00")]
    assert rebuilding.differences(alice.pk) == []


def test_a_fill_that_is_booked_later_than_its_time_says_takes_what_is_left_by_then(
    alice, bob, lots
):
    """It has waited for a lock: its id is lower than that of the fill before it."""
    first, _, third = lots
    advance(tick("AAPL", "130.00", "131.00"), at=minutes(4))
    rests = {"order_type": "limit", "limit_price": "130.50", "time_in_force": "gtc"}
    order = sent(alice, "10", named((third, "4"), (first, "6")), now=minutes(4), **rests)
    place(bob, "buy", "3", limit="130.50", now=minutes(4) + timedelta(seconds=1))
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
    place(bob, "buy", "3", limit="130.50", now=minutes(4))

    fills = Order.objects.get(pk=order["id"]).executions.order_by("pk")
    assert [fill.executed_at.second for fill in fills] == [0, 1]
    assert parts(alice)[::-1] == [
        [(third, "3", "360.00")],
        [(third, "1", "120.00"), (first, "2", "200.00")],
    ]
    assert rebuilding.differences(alice.pk) == []


def test_a_replacement_goes_on_with_what_is_left_of_the_lots(alice, aapl, lots):
    first, _, third = lots
    old = sent(
        alice,
        "10",
        named((third, "6"), (first, "4")),
        order_type="limit",
        limit_price="140.00",
        time_in_force="gtc",
    )
    advance(tick("AAPL", "140.00", "140.01", size="5"), at=minutes(4))
    with time_machine.travel(minutes(5), tick=False):
        client = signed_in_client(alice)
        other = client.patch(f"{URL}{old['id']}/", {"quantity": "11"})
        new = client.patch(f"{URL}{old['id']}/", {"limit_price": "150.00", "quantity": "10"})

    assert_problem(other, status=400, code="invalid", field="quantity")
    assert (new.status_code, new.json()["lots"]) == (201, named((third, "1"), (first, "4")))
    assert Order.objects.get(pk=old["id"]).lots == [[third, 6_000_000], [first, 4_000_000]]
    advance(tick("AAPL", "150.00", "150.01"), at=minutes(6))
    assert parts(alice) == [
        [(third, "5", "600.00")],
        [(third, "1", "120.00"), (first, "4", "400.00")],
    ]


def test_a_split_restates_what_is_left_of_the_lots(alice, aapl, lots):
    first, _, third = lots
    order = sent(
        alice,
        "10",
        named((third, "6"), (first, "4")),
        order_type="limit",
        limit_price="140.00",
        time_in_force="gtc",
    )
    advance(tick("AAPL", "140.00", "140.01", size="5"), at=minutes(4))
    kept_lots.catch_up(owner_id=alice.pk, lot_method=LotMethod.FIFO)
    carry_out(aapl, ActionKind.SPLIT, at=minutes(5), new_shares=3, old_shares=1)

    restated = signed_in_client(alice).get(f"{URL}{order['id']}/").json()
    # Five were sold in old shares; one and four are left, which are three and twelve.
    assert (restated["quantity"], restated["filled_quantity"]) == ("20", "5")
    assert restated["lots"] == named((third, "8"), (first, "12"))
    advance(tick("AAPL", "50.00", "50.01", size="100"), at=minutes(6))
    assert parts(alice) == [
        [(third, "5", "600.00")],
        [(third, "3", "120.00"), (first, "12", "400.00")],
    ]
    assert rebuilding.differences(alice.pk) == []


def test_of_lots_that_are_gone_by_then_the_rest_is_sold_by_the_method(alice, aapl, lots):
    """Another order without lots has sold the oldest meanwhile, as the method says."""
    first, second, third = lots
    sent(alice, "8", named((first, "6"), (third, "2")), order_type="limit", limit_price="140.00")
    sell(alice, aapl, "7", "130.00", at=minutes(4))
    advance(tick("AAPL", "140.00", "140.01"), at=minutes(5))

    assert parts(alice)[1] == [
        (first, "3", "300.00"),
        (third, "2", "240.00"),
        (second, "3", "330.00"),
    ]


def test_a_lot_that_is_named_and_gives_the_rest_too_is_one_part(alice, aapl, lots):
    """Four of the first are named, and the two that are missing of the second come from it."""
    first, second, _ = lots
    rests = {"order_type": "limit", "limit_price": "140.00", "time_in_force": "gtc"}
    sent(alice, "8", named((first, "4"), (second, "4")), **rests)
    choose = {"owner_id": alice.pk, "lot_method": LotMethod.LIFO, "now": minutes(3)}
    lot_settings.change(**choose)
    sell(alice, aapl, "18", "130.00", at=minutes(4))
    lot_settings.change(**choose | {"lot_method": LotMethod.FIFO, "now": minutes(24 * 60)})
    advance(tick("AAPL", "140.00", "140.01"), at=minutes(24 * 60))

    rows = parts(alice, now=minutes(24 * 60))
    assert rows[1] == [(first, "6", "600.00"), (second, "2", "220.00")]
    assert rebuilding.differences(alice.pk) == []


@pytest.mark.parametrize(
    ("quantity", "named_lots", "fields", "field"),
    [
        ("10", [], {}, "lots"),
        ("10", [(0, "9")], {}, "lots"),
        ("10", [(0, "5"), (0, "5")], {}, "lots"),
        ("10", [(0, "10"), (1, "0")], {}, "lots.1.quantity"),
        ("10", [(0, "11"), (1, "-1")], {}, "lots.1.quantity"),
        ("10", [(0, "9.0000001"), (1, "0.9999999")], {}, "lots"),
        (None, [(0, "10")], {"notional": "100.00"}, "lots"),
        ("10", [(0, "10")], {"side": "buy"}, "lots"),
        ("10", "first", {}, "lots"),
        ("10", [("10",)], {}, "lots.0.id"),
        (
            "10",
            [(0, "10")],
            {
                "order_type": "limit",
                "limit_price": "140.00",
                "order_class": "oco",
                "stop_loss": {"stop_price": "90.00"},
            },
            "lots",
        ),
    ],
)
def test_misshapen_lots_are_a_400_and_nothing_moves(
    alice, lots, quantity, named_lots, fields, field
):
    body = named_lots
    if named_lots == [("10",)]:
        body = [{"quantity": "10"}]
    elif isinstance(named_lots, list):
        body = named(*[(lots[at], units) for at, units in named_lots])
    before = (Order.objects.count(), balance(alice))

    answer = send(alice, quantity, body, **fields)

    assert_problem(answer, status=400, code="invalid", field=field)
    assert (Order.objects.count(), balance(alice)) == before


def test_at_most_a_hundred_lots_are_named(alice, lots):
    many = named(*[(str(uuid4()), "0.1") for _ in range(101)])

    assert_problem(send(alice, "10.1", many), status=400, code="invalid", field="lots")


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("wrong", ["unknown", "another's", "another instrument's", "sold", "fewer"])
def test_lots_that_are_not_there_are_refused_and_nothing_moves(alice, bob, aapl, lots, wrong):
    coin = make_instrument("BTC-USD", "crypto")
    there = {
        "unknown": lambda: str(uuid4()),
        "another's": lambda: lot_of(buy(bob, aapl, "10", "130.00", at=minutes(4))),
        "another instrument's": lambda: lot_of(buy(alice, coin, "10", "90.00", at=minutes(4))),
        "sold": lambda: sell(alice, aapl, "10", "130.00", at=minutes(4)) and lots[0],
        "fewer": lambda: sell(alice, aapl, "6", "130.00", at=minutes(4)) and lots[0],
    }[wrong]()
    before = (Order.objects.count(), balance(alice), balance(alice, aapl.asset))

    answer = send(alice, "10", named((there, "5"), (lots[1], "5")), now=minutes(4))

    assert_problem(answer, status=422, code="lots_not_there", field="lots")
    assert there in answer.json()["detail"]
    assert before == (Order.objects.count(), balance(alice), balance(alice, aapl.asset))


def test_what_another_working_order_names_can_not_be_named_again(alice, aapl, lots):
    first = lots[0]
    working = partial(sent, order_type="limit", limit_price="140.00", time_in_force="gtc")
    order = working(alice, "6", named((first, "6")))
    advance(tick("AAPL", "140.00", "140.01", size="2"), at=minutes(3))

    refused = send(alice, "5", named((first, "5")), now=minutes(3))
    assert_problem(refused, status=422, code="lots_not_there", field="lots")
    assert "4 AAPL" in refused.json()["detail"]
    sent(alice, "4", named((first, "4")))
    signed_in_client(alice).delete(f"{URL}{order['id']}/")
    sent(alice, "4", named((first, "4")))

    assert left(alice)[0] == ("10", "1100.00")


def test_a_history_that_is_not_complete_has_no_lots_to_name(alice, aapl, lots):
    give(alice, aapl.asset, "5")
    sell(alice, aapl, "32", "130.00", at=minutes(3))

    answer = send(alice, "1", named((lots[2], "1")), now=minutes(3))

    assert_problem(answer, status=422, code="lots_not_there", field="lots")


def test_only_orders_that_name_lots_ask_for_them(alice, lots, monkeypatch):
    asked = []

    class Watching:
        def prepare(self, owner_id):
            asked.append(owner_id)

        def units_left(self, owner_id, symbol, lot_ids):
            return dict.fromkeys(lot_ids, 10**9)

    monkeypatch.setattr(named_lots, "keeper", Watching())
    place(alice, "sell", "1", now=minutes(3))
    assert asked == []
    sent(alice, "1", named((lots[0], "1")))
    assert asked == [alice.pk]


@pytest.mark.django_db(transaction=True)
def test_of_two_orders_that_name_one_lot_at_once_one_is_refused(alice, aapl):
    lot = lot_of(buy(alice, aapl, "10", "100.00", at=NOW))
    buy(alice, aapl, "10", "100.00", at=NOW + timedelta(seconds=1))
    request = OrderRequest(
        symbol="AAPL",
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        limit_price=Decimal("140.00"),
        quantity=Decimal(6),
        lots=(NamedLot(UUID(lot), Decimal(6)),),
    )
    jobs: list[Callable[[], object]] = [
        partial(orders.place, owner_id=alice.pk, request=request, now=NOW + timedelta(seconds=1))
    ] * 4

    outcomes = in_threads(jobs)

    refused = [each for each in outcomes if isinstance(each, Refusal)]
    assert [each.code for each in refused] == ["lots_not_there"] * 3
    assert Order.objects.filter(lots__isnull=False).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a"}])
def test_much_that_was_booked_is_stored_before_the_order_takes_locks(
    alice, aapl, monkeypatch, headers
):
    lot = lot_of(buy(alice, aapl, "10", "100.00", at=NOW))
    monkeypatch.setattr(kept_lots, "FOLDED_BY_A_READ", 0)
    caught_up = []
    catch_up = kept_lots.catch_up

    def watched(**options):
        caught_up.append(options)
        catch_up(**options)

    monkeypatch.setattr(kept_lots, "catch_up", watched)
    sent(alice, "10", named((lot, "10")), now=NOW, headers=headers)

    assert len(caught_up) == 1
    assert left(alice, now=NOW) == []
