"""Lots: the order in which they are sold, what they cost, and that no cent is lost."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.rules import lots
from portfolio.rules.lots import LotMethod
from portfolio.tests import plain_lots
from portfolio.tests.plain_lots import Trade

NEW_YORK = ZoneInfo("America/New_York")
CENT = Decimal("0.01")


def noon(day):
    return datetime.combine(date.fromisoformat(day), time(12), tzinfo=NEW_YORK)


def buy(day, quantity, amount, *, id=None):
    return Trade(id or f"buy {day}", "buy", Decimal(quantity), Decimal(amount), noon(day))


def sell(day, quantity, amount, *, id=None):
    return Trade(id or f"sell {day}", "sell", Decimal(quantity), Decimal(amount), noon(day))


def rows(parts, *fields):
    return [tuple(getattr(part, field) for field in fields) for part in parts]


def cost_of_sales(book):
    return sum(part.cost_basis for part in book.realized)


# Wild, Shaw & Chiappetta, Fundamental Accounting Principles, "Inventories and Cost of Sales":
# Trekking's mountain bikes in August, perpetual inventory system.
TREKKING = [
    buy("2014-08-01", 10, 910),  # 10 units at $91
    buy("2014-08-03", 15, 1590),  # 15 at $106
    sell("2014-08-14", 20, 2660),  # 20 at $133
    buy("2014-08-17", 20, 2300),  # 20 at $115
    buy("2014-08-28", 10, 1190),  # 10 at $119
    sell("2014-08-31", 23, 3450),  # 23 at $150
]


@pytest.mark.parametrize(
    ("method", "first_sale", "second_sale", "inventory"),
    [
        # FIFO: 10 at 91 and 10 at 106; then 5 at 106 and 18 at 115. Left: 2 at 115 and 10 at 119.
        (LotMethod.FIFO, 1970, 2600, 1420),
        # LIFO: 15 at 106 and 5 at 91; then 10 at 119 and 13 at 115. Left: 5 at 91 and 7 at 115.
        (LotMethod.LIFO, 2045, 2685, 1260),
        # Weighted average: 20 at 2500/25 = 100; then 23 at (500 + 2300 + 1190)/35 = 114. Left: 12.
        (LotMethod.AVERAGE, 2000, 2622, 1368),
    ],
)
def test_an_accounting_textbook_agrees_on_cost_of_sales_and_inventory(
    method, first_sale, second_sale, inventory
):
    book = plain_lots.match_lots(TREKKING, method=method)

    costs: dict[str, Decimal] = defaultdict(Decimal)
    for part in book.realized:
        costs[part.sale_id] += part.cost_basis
    assert costs == {"sell 2014-08-14": first_sale, "sell 2014-08-31": second_sale}
    assert book.cost_basis == inventory
    assert book.quantity == 12
    assert book.realized_pnl == 6110 - first_sale - second_sale


@pytest.mark.parametrize("method", [LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO])
def test_an_accounting_textbook_agrees_on_specific_identification(method):
    """The same chapter: of the first sale 8 bikes cost $91 and 12 $106; of the second, 2 cost $91,
    3 $106, 15 $115 and 3 $119. Cost of sales: $2,000 and $2,582; left are $1,408."""
    sold = {
        "sell 2014-08-14": {"buy 2014-08-01": 8, "buy 2014-08-03": 12},
        "sell 2014-08-31": {
            "buy 2014-08-01": 2,
            "buy 2014-08-03": 3,
            "buy 2014-08-17": 15,
            "buy 2014-08-28": 3,
        },
    }
    history = [
        replace(trade, named=[(lot, Decimal(units)) for lot, units in sold[trade.id].items()])
        if trade.id in sold
        else trade
        for trade in TREKKING
    ]

    book = plain_lots.match_lots(history, method=method)

    costs = [cost_of_sales_of(book, sale) for sale in sold]
    assert (costs, book.cost_basis) == ([2000, 2582], 1408)


def cost_of_sales_of(book, sale_id):
    return sum(part.cost_basis for part in book.realized if part.sale_id == sale_id)


def test_the_irs_table_of_basis_under_fifo():
    # IRS Publication 564 (2009), Mutual Fund Distributions, table 3: 160 shares at $25, 240 at $20,
    # 10 at $30; 210 are sold for $6,720. "Basis = $5,000": all of the first, 50 of the second.
    book = plain_lots.match_lots(
        [
            buy("2008-02-06", 160, 4000),
            buy("2008-08-07", 240, 4800),
            buy("2008-12-18", 10, 300),
            sell("2009-10-01", 210, 6720),
        ],
        method=LotMethod.FIFO,
    )

    assert rows(book.realized, "lot_trade_id", "quantity", "cost_basis") == [
        ("buy 2008-02-06", 160, 4000),
        ("buy 2008-08-07", 50, 1000),
    ]
    assert [part.proceeds for part in book.realized] == [5120, 1600]  # $32 a share
    assert book.realized_pnl == 1720
    assert rows(book.open, "trade_id", "quantity", "cost_basis") == [
        ("buy 2008-08-07", 190, 3800),
        ("buy 2008-12-18", 10, 300),
    ]


def test_the_irs_examples_of_average_basis():
    # IRS Publication 564 (2003), "Average Basis", examples 1 and 3: 300 shares cost $1,000 + $1,200
    # + $2,600; 150 are sold: basis $2,400 ($16 a share). Then 150 more at $14 make $4,500 for 300
    # shares; 50 are sold: basis $750 ($15 a share).
    book = plain_lots.match_lots(
        [
            buy("2002-01-10", 100, 1000),
            buy("2002-03-10", 100, 1200),
            buy("2002-06-10", 100, 2600),
            sell("2003-05-12", 150, 3000, id="first"),
            buy("2003-09-19", 150, 2100),
            sell("2003-12-16", 50, 900, id="second"),
        ],
        method=LotMethod.AVERAGE,
    )

    first = [part for part in book.realized if part.sale_id == "first"]
    second = [part for part in book.realized if part.sale_id == "second"]
    assert sum(part.cost_basis for part in first) == 2400
    assert sum(part.cost_basis for part in second) == 750
    assert rows(book.open, "quantity", "cost_basis") == [(100, 1500), (150, 2250)]


def test_average_basis_holds_the_shares_sold_to_be_those_acquired_first():
    # IRS Publication 564 (2009), "Single-category method": 200 shares of the LJO Mutual Fund bought
    # on May 15, 2008, and 200 on May 14, 2009; 300 sold on November 10, 2009. All 300 have the same
    # basis; 200 were held for more than 1 year, 100 were not.
    book = plain_lots.match_lots(
        [
            buy("2008-05-15", 200, 2000),
            buy("2009-05-14", 200, 4000),
            sell("2009-11-10", 300, 6000),
        ],
        method=LotMethod.AVERAGE,
    )

    assert rows(book.realized, "quantity", "cost_basis", "term") == [
        (200, 3000, "long"),
        (100, 1500, "short"),
    ]


@pytest.mark.parametrize(
    ("method", "lot", "gain"),
    [
        (LotMethod.FIFO, "buy 1998-06-01", 1300),
        (LotMethod.LIFO, "buy 2000-06-01", -1500),
        (LotMethod.HIFO, "buy 2000-06-01", -1500),
    ],
)
def test_the_method_decides_between_a_gain_and_a_loss(method, lot, gain):
    # J.K. Lasser's Your Income Tax 2013, 30.2 "Earmarking Stock Lots": Acme Steel, 100 shares at
    # $77 in 1998, 200 at $84 in 1999, 100 at $105 in 2000. 100 are sold at $90: the lot of 2000
    # gives a loss of $1,500; first-in, first-out takes that of 1998.
    book = plain_lots.match_lots(
        [
            buy("1998-06-01", 100, 7700),
            buy("1999-06-01", 200, 16800),
            buy("2000-06-01", 100, 10500),
            sell("2000-09-01", 100, 9000),
        ],
        method=method,
    )

    assert rows(book.realized, "lot_trade_id", "gain") == [(lot, gain)]


def test_hifo_goes_down_from_the_dearest_share_and_takes_the_older_of_equals():
    book = plain_lots.match_lots(
        [
            buy("2024-01-02", 10, 100, id="10 a share"),
            buy("2024-01-03", 2, 60, id="30 a share"),
            buy("2024-01-04", 10, 200, id="20 a share"),
            buy("2024-01-05", 5, 100, id="also 20 a share"),
            sell("2024-02-01", 14, 280),
        ],
        method=LotMethod.HIFO,
    )

    assert rows(book.realized, "lot_trade_id", "quantity") == [
        ("30 a share", 2),
        ("20 a share", 10),
        ("also 20 a share", 2),
    ]
    assert [lot.trade_id for lot in book.open] == ["10 a share", "also 20 a share"]


def test_a_sale_takes_only_from_lots_that_exist_by_then():
    trades = [
        buy("2024-01-02", 5, 50),
        sell("2024-01-03", 5, 55),
        buy("2024-01-04", 5, 500),
    ]

    for method in LotMethod:
        book = plain_lots.match_lots(trades, method=method)
        assert book.realized_pnl == 5
        assert [lot.trade_id for lot in book.open] == ["buy 2024-01-04"]


@pytest.mark.parametrize("method", LotMethod)
def test_open_lots_are_told_oldest_first(method):
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    purchases = [buy(day, 5, amount) for day, amount in zip(days, (60, 50, 70), strict=True)]

    book = plain_lots.match_lots(purchases, method=method)

    assert [lot.trade_id for lot in book.open] == [f"buy {day}" for day in days]


def test_trades_are_taken_in_order_of_time_and_then_as_given():
    purchase, sale = buy("2024-01-02", 5, 50), sell("2024-01-03", 5, 55)
    same_instant = [
        Trade("in", "buy", Decimal(1), Decimal(9), noon("2024-01-05")),
        Trade("out", "sell", Decimal(1), Decimal(8), noon("2024-01-05")),
    ]

    book = plain_lots.match_lots([*same_instant, sale, purchase], method=LotMethod.FIFO)

    assert [part.sale_id for part in book.realized] == ["sell 2024-01-03", "out"]
    assert book.open == ()


@pytest.mark.parametrize(
    ("method", "costs"),
    [
        # Of the purchase, $3.33 are due after one share, $6.67 after two and $10.00 after three.
        (LotMethod.FIFO, ["3.33", "3.34", "3.33"]),
        # Of the pool, a third of $10.00, then half of $6.67, then the rest.
        (LotMethod.AVERAGE, ["3.33", "3.33", "3.34"]),
    ],
)
def test_three_shares_for_ten_dollars_cost_ten_dollars_when_sold_one_by_one(method, costs):
    purchase = buy("2024-01-02", 3, "10.00")
    sales = [sell(f"2024-01-0{day}", 1, "4.00") for day in (3, 4, 5)]

    book = plain_lots.match_lots([purchase, *sales], method=method)

    assert [str(part.cost_basis) for part in book.realized] == costs
    assert book.realized_pnl == 2
    assert book.cost_basis == 0


def test_the_proceeds_of_a_sale_over_several_lots_sum_to_the_cent():
    purchases = [buy(f"2024-01-0{day}", 1, "1.00") for day in (2, 3, 4)]

    book = plain_lots.match_lots(
        [*purchases, sell("2024-02-01", 3, "10.00")], method=LotMethod.FIFO
    )

    received = [part.proceeds for part in book.realized]
    assert received == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]


def test_a_share_just_below_half_a_cent_is_rounded_down_however_many_digits_it_has():
    # The first part is 41,735,537,195 cents and a half, less 10^-20: cut to the 28 digits of
    # Decimal arithmetic it would be a half, and be rounded up.
    by = [Decimal("0.41735537190909090909"), Decimal("0.58264462809090909091")]

    parts = plain_lots.split_amount(Decimal("1000000000.11"), by=by)

    assert parts == [Decimal("417355371.95"), Decimal("582644628.16")]


@pytest.mark.parametrize("method", LotMethod)
def test_selling_more_than_is_held_is_an_error_that_tells_the_sale(method):
    trades = [buy("2024-01-02", 5, 50), sell("2024-01-03", 3, 33), sell("2024-01-04", 3, 33)]

    with pytest.raises(
        plain_lots.OversoldPosition, match=r"is of 3, but only 2 are held"
    ) as oversold:
        plain_lots.match_lots(trades, method=method)

    assert oversold.value.sale_id == "sell 2024-01-04"
    assert oversold.value.quantity == 3
    assert oversold.value.held == 2


def test_no_trades_make_an_empty_book():
    for method in LotMethod:
        book = plain_lots.match_lots([], method=method)
        assert book == plain_lots.LotBook(open=(), realized=())
        assert book.quantity == book.cost_basis == book.realized_pnl == 0


@pytest.mark.parametrize(
    ("acquired", "sold", "term"),
    [
        # J.K. Lasser's Your Income Tax 2013, 5.9: "On September 19, 2012, you buy stock. [...] A
        # sale on or after September 20, 2013, would result in long-term gain or loss."
        ("2012-09-19", "2013-09-19", "short"),
        ("2012-09-19", "2013-09-20", "long"),
        # Bought on the last day of a month: years end on the last day of that month.
        ("2012-11-30", "2013-11-30", "short"),
        ("2012-11-30", "2013-12-01", "long"),
        # Leap years. A year that begins on 1 March ends on the last of February, whichever it is.
        ("2007-02-28", "2008-02-28", "short"),
        ("2007-02-28", "2008-02-29", "short"),
        ("2007-02-28", "2008-03-01", "long"),
        ("2008-02-28", "2009-02-28", "short"),
        ("2008-02-28", "2009-03-01", "long"),
        ("2008-02-29", "2009-02-28", "short"),
        ("2008-02-29", "2009-03-01", "long"),
        ("2024-05-01", "2024-05-01", "short"),
    ],
)
def test_a_gain_is_long_term_after_more_than_one_year(acquired, sold, term):
    assert lots.holding_term(acquired_at=noon(acquired), sold_at=noon(sold)) == term


def test_a_trade_date_is_that_of_new_york():
    acquired = datetime(2012, 9, 19, 15, 0, tzinfo=UTC)

    # 02:00 UTC on the 20th is still the evening of the 19th.
    sold = datetime(2013, 9, 20, 2, 0, tzinfo=UTC)

    assert lots.holding_term(acquired_at=acquired, sold_at=sold) == "short"
    assert lots.holding_term(acquired_at=acquired, sold_at=sold + timedelta(hours=2)) == "long"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"quantity": Decimal(0)}, "above zero"),
        ({"quantity": Decimal("NaN")}, "above zero"),
        ({"amount": Decimal("-0.01")}, "not negative"),
        ({"amount": Decimal("Infinity")}, "not negative"),
        ({"amount": Decimal("0.001")}, "whole cents"),
        ({"at": datetime(2024, 1, 2)}, "timezone"),  # noqa: DTZ001 - what is refused
    ],
)
def test_a_trade_that_cannot_be_is_an_error(wrong, message):
    right = {"quantity": Decimal(1), "amount": Decimal(1), "at": noon("2024-01-02")}

    with pytest.raises(ValueError, match=message):
        Trade(id="t", side="buy", **{**right, **wrong})


@st.composite
def histories(draw):
    """Purchases and sales of odd quantities at odd prices, never of more than is held."""
    steps = draw(
        st.lists(
            st.tuples(st.booleans(), st.integers(1, 10**9), st.integers(0, 10**8)),
            min_size=1,
            max_size=20,
        )
    )
    trades, held = [], 0
    for number, (may_sell, wanted, cents) in enumerate(steps):
        is_sale = may_sell and held > 0
        units = min(wanted, held) if is_sale else wanted
        held += -units if is_sale else units
        trades.append(
            Trade(
                id=str(number),
                side="sell" if is_sale else "buy",
                quantity=Decimal(units).scaleb(-6),
                amount=Decimal(cents).scaleb(-2),
                at=noon("2024-01-02") + timedelta(days=number),
            )
        )
    return trades


def total(trades, side, field):
    return sum((getattr(trade, field) for trade in trades if trade.side == side), Decimal(0))


@given(histories(), st.sampled_from(LotMethod))
def test_no_cent_and_no_share_is_lost_or_made(trades, method):
    book = plain_lots.match_lots(trades, method=method)

    paid, received = total(trades, "buy", "amount"), total(trades, "sell", "amount")
    assert book.cost_basis + cost_of_sales(book) == paid
    assert sum(part.proceeds for part in book.realized) == received
    assert book.realized_pnl == received - paid + book.cost_basis
    bought, sold = total(trades, "buy", "quantity"), total(trades, "sell", "quantity")
    assert sum(part.quantity for part in book.realized) == sold
    assert book.quantity == bought - sold


@given(histories(), st.sampled_from(LotMethod))
def test_every_sale_is_covered_by_its_parts(trades, method):
    book = plain_lots.match_lots(trades, method=method)

    for sale in (trade for trade in trades if trade.side == "sell"):
        parts = [part for part in book.realized if part.sale_id == sale.id]
        assert sum(part.quantity for part in parts) == sale.quantity
        assert sum(part.proceeds for part in parts) == sale.amount
        assert all(part.acquired_at < sale.at == part.sold_at for part in parts)


@given(histories(), st.sampled_from(LotMethod))
def test_every_part_is_a_positive_quantity_at_a_price_in_whole_cents(trades, method):
    book = plain_lots.match_lots(trades, method=method)

    parts = rows([*book.open, *book.realized], "quantity", "cost_basis")
    assert all(quantity > 0 for quantity, _ in parts)
    money = [cost for _, cost in parts] + [part.proceeds for part in book.realized]
    assert all(amount >= 0 and amount == amount.quantize(CENT) for amount in money)


@given(histories())
def test_the_method_moves_gain_between_now_and_later_but_makes_none(trades):
    books = [plain_lots.match_lots(trades, method=method) for method in LotMethod]

    # Whatever is left is sold for nothing at the end: the gain of a whole life is one figure.
    assert len({book.realized_pnl - book.cost_basis for book in books}) == 1
    assert len({book.quantity for book in books}) == 1


@given(histories(), st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO]))
def test_each_purchase_is_accounted_for_within_a_cent_of_proportion(trades, method):
    book = plain_lots.match_lots(trades, method=method)

    for purchase in (trade for trade in trades if trade.side == "buy"):
        sold = [part for part in book.realized if part.lot_trade_id == purchase.id]
        left = [lot for lot in book.open if lot.trade_id == purchase.id]
        parts = rows([*sold, *left], "quantity", "cost_basis")
        assert sum(quantity for quantity, _ in parts) == purchase.quantity
        assert sum(cost for _, cost in parts) == purchase.amount
        for quantity, cost in parts:
            assert abs(cost - purchase.amount * quantity / purchase.quantity) <= CENT


@given(histories(), st.sampled_from([LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO]))
def test_a_sale_leaves_no_lot_open_that_comes_before_one_it_took(trades, method):
    order = {
        LotMethod.FIFO: lambda trade: trade.at,
        LotMethod.LIFO: lambda trade: -trade.at.timestamp(),
        LotMethod.HIFO: lambda trade: -trade.amount / trade.quantity,
    }[method]
    if trades[-1].side != "sell":
        trades = [*trades, sell("2025-01-02", trades[-1].quantity, 1)]
    bought = {trade.id: trade for trade in trades}

    book = plain_lots.match_lots(trades, method=method)

    taken = [p.lot_trade_id for p in book.realized if p.sale_id == trades[-1].id]
    last_taken = max(order(bought[trade_id]) for trade_id in taken)
    assert all(order(bought[lot.trade_id]) >= last_taken for lot in book.open)


@given(
    st.integers(0, 10**12),
    st.lists(st.integers(1, 10**15), min_size=1, max_size=30),
)
def test_a_split_amount_sums_to_the_whole_and_is_in_proportion(cents, weights):
    amount = Decimal(cents).scaleb(-2)

    parts = plain_lots.split_amount(amount, by=[Decimal(weight) for weight in weights])

    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - amount * weight / sum(weights)) <= CENT
