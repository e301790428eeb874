"""After any trading, in whatever order and size, the portfolio agrees with the books."""

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from banking import ledger
from banking.models import OpeningLot
from banking.rules.assets import USD, Asset
from be.kernel.refusals import Refusal
from exchange.models import Execution
from exchange.tests.market import (
    NOW,
    advance,
    assert_books_are_right,
    make_bond,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from portfolio.rules.lots import LotMethod
from portfolio.tests.accounts import bring, deposit, shown, withdraw

pytestmark = pytest.mark.django_db

QUANTITIES = {
    "AAPL": ["1", "0.000001", "3.141592", "17", "0.333333"],
    "ADA-USD": ["100", "0.00000001", "12.3456789", "7.7", "0.5"],
    "ACME-2033": ["1000", "2000", "3000"],
}
PRICES = {"AAPL": (120, 240), "ADA-USD": (0.3, 0.9), "ACME-2033": (92, 104)}
SIZES = {"AAPL": "5", "ADA-USD": "40", "ACME-2033": "2000"}
PLACES = {"AAPL": 2, "ADA-USD": 4, "ACME-2033": 3}


def trade_at_random(rng, customers, *, brought=()):
    """Sixty rounds of new prices, each with an order; money comes and goes. Returns the time.

    Customers bring the rows `brought` from another broker first.
    """
    set_quote(make_instrument("AAPL"))
    set_quote(make_instrument("ADA-USD", "crypto", price_increment=Decimal("0.0001")))
    set_quote(make_bond("ACME-2033"))
    now = NOW
    for customer in customers:
        if brought:
            bring(customer, *brought, at=now)
    for _ in range(60):
        now += timedelta(seconds=rng.choice([2, 3600, 86400]))
        advance(*(tick_at_random(rng, symbol) for symbol in PRICES), at=now)
        order_at_random(rng, rng.choice(customers), now)
    return now


def tick_at_random(rng, symbol):
    bid = Decimal(str(round(rng.uniform(*PRICES[symbol]), PLACES[symbol])))
    ask = bid + Decimal(1).scaleb(-PLACES[symbol])
    return tick(symbol, str(bid), str(ask), size=SIZES[symbol])


def order_at_random(rng, customer, now):
    symbol = rng.choice(list(QUANTITIES))
    limit = None
    if rng.random() < 0.3:
        limit = str(round(rng.uniform(*PRICES[symbol]), PLACES[symbol]))
    try:
        place(
            customer,
            rng.choice(["buy", "buy", "sell"]),
            rng.choice(QUANTITIES[symbol]),
            symbol=symbol,
            limit=limit,
            now=now,
        )
        if rng.random() < 0.1:
            withdraw(customer, "10.01", at=now)
        if rng.random() < 0.1:
            deposit(customer, "250.50", at=now)
    except Refusal:
        pass  # too little money or too small a position: another try follows


def money(rows, figure):
    return sum((Decimal(row[figure]) for row in rows), Decimal(0))


def net_paid(customer):
    """Dollars paid for securities, less dollars received for them, by symbol."""
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for fill in Execution.objects.filter(order__owner=customer).select_related("order__instrument"):
        sign = 1 if fill.order.side == "buy" else -1
        paid[fill.order.instrument.symbol] += USD.amount(sign * fill.cents + fill.fee_cents)
    return paid


BROUGHT = [
    "AAPL,3.5,700,2024-01-31",
    "AAPL,0.000001,0,2019-07-01",
    "ADA-USD,100.5,20.02,2026-03-01",
    "ACME-2033,3000,2950.5,2025-12-01",
    "USD,77.01",
]


@pytest.mark.parametrize("seed", range(4))
def test_holdings_agree_with_balances_and_executions_after_random_trades(seed):
    customers = [make_customer(f"{name}@example.com", dollars="20000") for name in ("ann", "ben")]
    now = trade_at_random(random.Random(seed), customers, brought=BROUGHT if seed % 2 else ())

    for customer in customers:
        paid = net_paid(customer)
        gained_elsewhere = Decimal(0)
        for lot in OpeningLot.objects.filter(transfer__owner=customer):
            paid[lot.asset] += USD.amount(lot.cost_cents)
            gained_elsewhere += USD.amount(lot.value_cents - lot.cost_cents)
        balances = {
            row.asset: Asset(row.asset, row.scale).amount(row.available + row.held)
            for row in ledger.balances_of(customer.pk)
            if row.available + row.held
        }
        gains = set()
        for lot_method in LotMethod:
            document = shown(customer, "holdings", now=now, lot_method=lot_method.value)
            rows, totals = document["results"], document["totals"]

            assert {row["symbol"]: Decimal(row["quantity"]) for row in rows} | {
                "USD": Decimal(totals["cash"])
            } == balances
            for figure in ("market_value", "cost_basis", "unrealized_pnl"):
                assert money(rows, figure) == Decimal(totals[figure])
            for row in rows:
                # What was paid net is in the cost that is left, or was realized.
                cost, realized = Decimal(row["cost_basis"]), Decimal(row["realized_pnl"])
                assert cost - realized == paid[row["symbol"]]
            assert Decimal(totals["equity"]) == money([totals], "cash") + money(
                [totals], "market_value"
            )
            gains.add(Decimal(totals["unrealized_pnl"]) + Decimal(totals["realized_pnl"]))
        history = shown(customer, "performance", now=now, period="all")
        # No method makes or loses a cent, and the history of the account tells the same gain.
        assert gains == {Decimal(history["gain"]) + gained_elsewhere}
        assert history["end_equity"] == totals["equity"]
        assert gained_today(history, now) == Decimal(totals["day_change"])
    assert_books_are_right()


def gained_today(history, now):
    """The rise of equity since the last midnight that deposits and withdrawals don't explain."""
    began = now.strftime("%Y-%m-%dT00:00:00.000000Z")
    before = next(point for point in history["series"] if point["time"] == began)
    after = history["series"][-1]
    earned, left = (Decimal(p["equity"]) - Decimal(p["net_deposits"]) for p in (before, after))
    return left - earned


def test_lots_and_sales_agree_with_holdings_after_random_trades():
    ann = make_customer("ann@example.com", dollars="20000")
    now = trade_at_random(random.Random(99), [ann])

    for lot_method in LotMethod:
        params = {"now": now, "lot_method": lot_method.value, "page_size": 200}
        document = shown(ann, "holdings", now=now, lot_method=lot_method.value)
        lots, sales = shown(ann, "lots", **params), shown(ann, "realized", **params)

        assert lots["next"] is sales["next"] is None
        for figure in ("cost_basis", "market_value", "unrealized_pnl"):
            assert money(lots["results"], figure) == Decimal(document["totals"][figure])
        assert money(sales["results"], "gain") == Decimal(document["totals"]["realized_pnl"])
        assert money(sales["results"], "short_term_gain") + money(
            sales["results"], "long_term_gain"
        ) == money(sales["results"], "gain")
        assert len(sales["results"]) > 5


def test_allocation_agrees_with_holdings_after_random_trades():
    ann = make_customer("ann@example.com", dollars="20000")
    now = trade_at_random(random.Random(7), [ann])

    totals = shown(ann, "holdings", now=now)["totals"]
    document = shown(ann, "allocation", now=now)

    assert document["equity"] == totals["equity"]
    for part in ("by_asset_class", "by_instrument"):
        assert money(document[part], "market_value") == Decimal(totals["equity"])
        assert money(document[part], "percent") == 100
