"""After anything that can be booked, statements add up to the cent, chain, and never change."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from be.kernel.refusals import Refusal
from exchange.corporate import processing, reversals
from exchange.models import ActionKind, CorporateAction
from exchange.tests.market import NOW
from portfolio import lot_settings
from portfolio.api.statement_documents import CASH, EQUITY
from portfolio.tests.accounts import carry_out, deposit, reprice, shown, withdraw
from portfolio.tests.random_trader import Account, plain

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)


class Investor(Account):
    """A customer of `test_kept_lots` who lives for months, with a bank and with dividends."""

    def __init__(self, seed, admin):
        super().__init__(seed)
        self.admin = admin
        self.statements: dict[str, Any] = {}

    def live(self, until):
        while self.at < until:
            before = self.at
            # In the afternoon, when it is the same day in New York.
            self.at += timedelta(days=self.random.randint(1, 8))
            self.at = self.at.replace(hour=15) + timedelta(seconds=self.random.randrange(3600))
            self.keep_statements(before)
            processing.run(now=self.at)  # coupons
            with suppress(Refusal):
                self.random.choice(self.acts())()

    def acts(self):
        trades = [self.buy, self.buy, self.buy, self.sell, self.sell]
        return [*trades, self.act, self.pay, self.reverse, self.bank, self.bank]

    def price(self):
        return f"{self.random.randrange(9000, 11000) / 100:.2f}"

    def act(self):
        if self.random.random() < 0.1 and self.bond.tradable:
            carry_out(self.bond, ActionKind.REDEMPTION, at=self.at, amount=Decimal("100.5"))
            self.bond.refresh_from_db()
        else:
            new, old = self.random.choice([(2, 1), (1, 2), (7, 3), (3, 7), (1, 30), (30, 1)])
            reprice(self.stock, self.price(), at=self.at)
            carry_out(self.stock, ActionKind.SPLIT, at=self.at, new_shares=new, old_shares=old)

    def pay(self):
        reprice(self.stock, self.price(), at=self.at)
        carry_out(self.stock, ActionKind.DIVIDEND, at=self.at, amount=Decimal("0.37"))

    def reverse(self):
        paid = CorporateAction.objects.filter(
            kind__in=("dividend", "coupon"), carried_out_at__isnull=False, reversed_at=None
        )
        if action := paid.order_by("pk").last():
            reversals.reverse(action.pk, by=self.admin, now=self.at)

    def bank(self):
        moves: list[Callable[..., None]] = [deposit, withdraw, returned]
        move = self.random.choice(moves)
        move(self.user, f"{self.random.randrange(1, 10**6) / 100:.2f}", at=self.at)

    def keep_statements(self, before):
        """Statements of what has ended since then, seven hours after their end."""
        ended = self.at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        now = ended + timedelta(hours=7)
        if before < ended and self.at > now:
            last = (ended - timedelta(days=1)).strftime("%Y-%m")
            names = [last, last[:4]] if last.endswith("12") else [last]
            for name in names:
                self.statements[name] = shown(self.user, f"statements/{name}", now=now)


def returned(user, dollars, *, at):
    deposit(user, f"-{dollars}", at=at)


def money(rows, figure="amount"):
    return sum((Decimal(row[figure]) for row in rows), ZERO)


@pytest.mark.parametrize("seed", range(2))
def test_statements_add_up_chain_and_stay(seed, admin_user):
    investor = Investor(seed, admin_user)
    investor.live(NOW + timedelta(days=400))
    user, now = investor.user, investor.at

    found = statements_of(user, now)
    for name, then in investor.statements.items():
        assert found[name] == then  # splits, corrections and all that came later change nothing
    assert sum(len(name) > 4 for name in investor.statements) > 8
    assert_all_add_up(found, user, now)
    months = [found[name] for name in sorted(found) if len(name) > 4]
    assert_agrees_with_past_equity(months, user, now)

    lot_settings.change(owner_id=user.pk, fees_in_cost=False, now=now)
    beside = statements_of(user, now)
    assert_all_add_up(beside, user, now)
    assert any(each["equity"]["fees"] != "0.00" for each in beside.values())
    for name, each in found.items():
        assert each["cash"] == beside[name]["cash"]
        gained = [gains_of(of) for of in (each, beside[name])]
        assert gained[0] == gained[1]


def gains_of(document):
    names = ("realized_gains", "unrealized_gains", "fees")
    return sum((Decimal(document["equity"][name]) for name in names), ZERO)


def statements_of(user, now):
    periods = shown(user, "statements", now=now, page_size=200)["results"]
    return {each["id"]: shown(user, f"statements/{each['id']}", now=now) for each in periods}


def assert_all_add_up(found, user, now):
    for each in found.values():
        assert_adds_up(each)
    months = [found[name] for name in sorted(found) if len(name) > 4]
    for one, following in pairwise(months):
        assert following["equity"]["opening"] == one["equity"]["closing"]
        assert following["cash"]["opening"] == one["cash"]["closing"]
    for year in (each for each in found.values() if each["type"] == "year"):
        assert_is_of(year, [each for each in months if each["id"].startswith(year["id"])])
    assert_agrees_with_now(found[f"{now:%Y-%m}"], user, now)
    assert_lists_each_sale(months, user, now)


def assert_adds_up(document):
    for sums, names in ((document["equity"], EQUITY), (document["cash"], CASH)):
        opening, *between, closing = (Decimal(sums[name]) for name in names)
        assert opening + sum(between) == closing
        assert sums["other"] == "0.00"
    cash, equity = document["cash"], document["equity"]
    lists: defaultdict[str, Decimal] = defaultdict(Decimal)
    for name, kind in (("trades", "side"), ("transfers", "type"), ("income", "type")):
        for row in document[name]:
            lists[row[kind]] += Decimal(row["amount"])
    redeemed = [row for row in document["corporate_actions"] if row["type"] == "redemption"]
    for name, kind in {
        "deposits": "deposit",
        "withdrawals": "withdrawal",
        "returned_deposits": "deposit_return",
        "transfers_in": "transfer_in",
        "adjustments": "adjustment",
        "purchases": "buy",
        "sales": "sell",
        "dividends": "dividend",
        "coupons": "coupon",
        "reversals": "reversal",
    }.items():
        assert Decimal(cash[name]) == lists[kind], name
    assert Decimal(cash["redemptions"]) == money(redeemed)
    assert -Decimal(cash["deliveries"]) == money(document["deliveries"], "market_value")
    assert Decimal(document["fees"]) == money(document["trades"], "fee")
    held = document["holdings"]
    assert Decimal(equity["closing"]) == Decimal(cash["closing"]) + money(held, "market_value")
    for row in held:
        gain = Decimal(row["market_value"]) - Decimal(row["cost_basis"])
        assert Decimal(row["unrealized_pnl"]) == gain
    by_term: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in document["realized"]:
        assert Decimal(row["gain"]) == Decimal(row["proceeds"]) - Decimal(row["cost_basis"])
        by_term[row["term"]] += Decimal(row["gain"])
    gains = document["realized_gains"]
    assert Decimal(gains["short_term"]) == by_term["short"]
    assert Decimal(gains["long_term"]) == by_term["long"]
    assert gains["total"] == equity["realized_gains"]
    # What was sold is in the lists of trades and of corporate actions.
    sales = [row for row in document["trades"] if row["side"] == "sell"]
    sold = money(sales) + money(redeemed)
    if document["fees_in_cost"]:
        assert equity["fees"] == "0.00"
    else:
        sold += money(sales, "fee")
        assert -Decimal(equity["fees"]) == Decimal(document["fees"])
    assert money(document["realized"], "proceeds") == sold


def assert_is_of(year, months):
    assert year["equity"]["opening"] == months[0]["equity"]["opening"]
    assert year["equity"]["closing"] == months[-1]["equity"]["closing"]
    assert year["holdings"] == months[-1]["holdings"]
    for sums, names in (("equity", EQUITY), ("cash", CASH)):
        for name in names[1:-1]:
            total = sum((Decimal(each[sums][name]) for each in months), ZERO)
            assert Decimal(year[sums][name]) == total, name
    for name in ("trades", "transfers", "deliveries", "income", "corporate_actions", "realized"):
        assert year[name] == [row for each in months for row in each[name]]


def assert_agrees_with_now(running, user, now):
    """The statement of the month that runs ends with what `holdings/` shows."""
    holdings = shown(user, "holdings", now=now)
    assert running["preliminary"]
    assert running["equity"]["closing"] == holdings["totals"]["equity"]
    for name in ("quantity", "price", "market_value", "cost_basis", "unrealized_pnl"):
        ours = {row["symbol"]: row[name] for row in running["holdings"]}
        assert ours == {row["symbol"]: row[name] for row in holdings["results"]}
    books = plain(user)
    for row in running["holdings"]:
        assert Decimal(row["cost_basis"]) == books[row["symbol"]].cost_basis


def assert_agrees_with_past_equity(months, user, now):
    """`performance/` computes past equity by other code, in shares of today."""
    series = shown(user, "performance", now=now, period="all")["series"]
    equity = {point["time"]: Decimal(point["equity"]) for point in series}
    ended = [each for each in months if not each["preliminary"]]
    assert len(ended) > 8
    for each in ended:
        off = abs(equity[each["end"]] - Decimal(each["equity"]["closing"]))
        assert off <= Decimal("0.01") + one_unit_of_today(each)


def one_unit_of_today(document):
    """What the smallest part of one of today's shares was worth: past shares are rounded to it."""
    price = max(
        (Decimal(r["price"]) for r in document["holdings"] if r["symbol"] == "AAPL"), default=ZERO
    )
    for split in CorporateAction.objects.filter(kind="split", carried_out_at__gt=document["end"]):
        price = price * (split.old_shares or 0) / (split.new_shares or 1)
    return price.scaleb(-6)


def assert_lists_each_sale(months, user, now):
    sales = shown(user, "realized", now=now, page_size=200)
    assert sales["next"] is None
    parts = sorted(
        (sale["id"], part["lot_id"], part["quantity"], part["gain"], part["term"])
        for sale in sales["results"]
        for part in sale["parts"]
    )
    assert parts == sorted(
        (row["id"], row["lot_id"], row["quantity"], row["gain"], row["term"])
        for each in months
        for row in each["realized"]
    )
