"""The plain ledger, as beancount itself reads it."""

from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from beancount import loader
from beancount.core import data
from beancount.core.inventory import Inventory
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from be.kernel.refusals import Refusal
from exchange.corporate import reversals
from exchange.models import ActionKind, CorporateAction
from exchange.tests.market import NOW, give, make_bond, make_customer, make_instrument, place
from portfolio import kept_lots, lot_settings
from portfolio.rules import beancount_text
from portfolio.rules.lots import TAX_ZONE, LotMethod
from portfolio.tests.accounts import buy, carry_out, deposit, open_account, sell, shown, withdraw
from portfolio.tests.random_trader import Account
from portfolio.tests.test_kept_lots import pages

UNPOOLED = ("fifo", "lifo", "hifo")
CASH, SECURITIES = "Assets:BrokerPro:Cash", "Assets:BrokerPro:Securities"


def days(count):
    return NOW + timedelta(days=count)


def exported(user, *, now, **query):
    """The text of the ledger."""
    with time_machine.travel(now, tick=False):
        answer = signed_in_client(user).get("/api/portfolio/beancount/", query)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="brokerpro.beancount"'
    if not answer.streaming:
        return answer.content.decode()
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def loaded(text):
    """The entries, and the inventory of each account; without an error."""
    entries, errors, _ = loader.load_string(text)
    assert errors == [], f"{errors}\n{text}"
    accounts: dict[str, Inventory] = defaultdict(Inventory)
    for entry in entries:
        if isinstance(entry, data.Transaction):
            for posting in entry.postings:
                accounts[posting.account].add_position(posting)
    return entries, accounts


def assert_ledger_agrees(user, *, now, method="fifo"):
    """Cash, positions, lots, gains and income are those of the API; by None, the user's method."""
    query = {} if method is None else {"lot_method": method}
    text = exported(user, now=now, **query)
    entries, accounts = loaded(text)
    holdings = shown(user, "holdings", now=now, **query)
    income = shown(user, "income", now=now)["totals"]

    def cents(account):
        amount = accounts[account].get_currency_units("USD").number
        return f"{amount:.2f}".replace("-0.00", "0.00")

    totals = holdings["totals"]
    cash = Decimal(totals["cash"]) - Decimal(totals["debt"])
    assert cents(CASH) == f"{cash:.2f}"
    units: dict[str, Decimal] = defaultdict(Decimal)
    for position in accounts[SECURITIES]:
        units[beancount_text.symbol_of(position.units.currency)] += position.units.number
    held = {row["symbol"]: Decimal(row["quantity"]) for row in holdings["results"]}
    assert {symbol: number for symbol, number in units.items() if number} == held
    assert cents("Income:BrokerPro:Gains") == negative(holdings["totals"]["realized_pnl"])
    paid = accounts["Income:BrokerPro:Dividends"] + accounts["Income:BrokerPro:Coupons"]
    assert f"{-paid.get_currency_units('USD').number:.2f}" == income["total"]
    asserted = {
        beancount_text.symbol_of(each.amount.currency): each.amount.number
        for each in entries
        if isinstance(each, data.Balance)
    }
    assert asserted.pop("USD") == cash
    assert {symbol: number for symbol, number in asserted.items() if number} == held
    assert accounts["Expenses:BrokerPro:Fees"].is_empty()
    assert {each.units.currency for each in accounts["Equity:BrokerPro:Other"]} <= {"USD"}
    assert_lots_agree(user, accounts[SECURITIES], holdings, now=now, query=query)
    return text


def negative(amount):
    return f"{-Decimal(amount):.2f}".replace("-0.00", "0.00")


def assert_lots_agree(user, inventory, holdings, *, now, query):
    rows = pages(user, "lots", now=now, page_size=200, **query)
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for position in inventory:
        assert position.units.number > 0  # beancount would make a short lot rather than complain
        symbol = beancount_text.symbol_of(position.units.currency)
        costs[symbol] += position.units.number * position.cost.number
    for row in holdings["results"]:
        # With average cost each purchase begins a new lot; until then it may drift by cents.
        allowed = Decimal("0.005") if query.get("lot_method") in UNPOOLED else Decimal("0.5")
        assert abs(costs[row["symbol"]] - Decimal(row["cost_basis"])) <= allowed * len(rows)
    if query.get("lot_method") in UNPOOLED:
        assert {
            (position.cost.label, position.units.number, position.cost.date)
            for position in inventory
        } == {(row["id"], Decimal(row["quantity"]), new_york(row["acquired_at"])) for row in rows}


def new_york(text):
    return datetime.fromisoformat(text).astimezone(TAX_ZONE).date()


@pytest.mark.django_db
def test_a_small_account_reads_as_the_business(aapl):
    alice = open_account("alice@example.com", deposits="10000", at=NOW)
    first = buy(alice, aapl, "10", "190.00", at=days(1))
    sale = sell(alice, aapl, "4", "195.00", at=days(2))
    withdraw(alice, "100", at=days(3))

    text = assert_ledger_agrees(alice, now=days(3))

    bought, sold = (f"{order.executions.get().pk}" for order in (first, sale))
    assert sold not in text
    for part in (
        "2026-03-02 commodity USD\n",
        '2026-03-03 commodity AAPL\n  symbol: "AAPL"\n  name: "Apple Inc."\n',
        f'  {SECURITIES}  10 AAPL {{190.00 USD, 2026-03-03, "{bought}"}}\n  {CASH}  -1900.00 USD\n',
        f'  {SECURITIES}  -4 AAPL {{"{bought}"}}\n'
        f"  Income:BrokerPro:Gains  -20.00 USD\n  {CASH}  780.00 USD\n",
        f"2026-03-06 balance {CASH}  8780.00 ~ 0 USD\n",
        f"2026-03-06 balance {SECURITIES}  6 ~ 0 AAPL\n",
    ):
        assert part in text, text
    for narration in ("Deposit", "Buy AAPL", "Sell AAPL", "Withdrawal"):
        assert f' * "{narration}"\n' in text


def test_beancount_reads_the_example_of_the_documentation():
    page = (settings.BASE_DIR / "docs" / "beancount.md").read_text()
    blocks = [line[4:] for line in page.splitlines() if line.startswith("    ")]

    _, accounts = loaded("\n".join(blocks[1:]) + "\n")

    assert f"{accounts[SECURITIES]}" == (
        '(6 AAPL {190.00 USD, 2026-03-03, "0195575a-2b4c-7d3e-8f10-1a2b3c4d5e6f"})'
    )


@pytest.mark.django_db
def test_nothing_booked_is_a_ledger_too():
    nobody = User.objects.create_user("new@example.com")

    entries, accounts = loaded(exported(nobody, now=NOW))

    assert {type(entry) for entry in entries} == {data.Open, data.Commodity}
    assert accounts == {}


@pytest.mark.django_db
def test_fees_are_in_the_cost_and_told(alice):
    coin = make_instrument("BTC-USD", "crypto")
    buy(alice, coin, "0.1", "60000.00", at=NOW)  # 6,000.00 and 0.25 %: 15.00
    sell(alice, coin, "0.1", "62000.00", at=days(1))  # 6,200.00 less 15.50

    text = assert_ledger_agrees(alice, now=days(1))

    assert "60150.00 USD" in text
    assert "  fees: 15.00 USD\n" in text
    assert "  fees: 15.50 USD\n" in text
    assert "Gains  -169.50 USD" in text


@pytest.mark.django_db
@pytest.mark.parametrize("method", [method.value for method in LotMethod])
def test_a_split_keeps_labels_days_and_costs(alice, aapl, method):
    buy(alice, aapl, "1", "100.00", at=NOW)
    buy(alice, aapl, "2", "110.00", at=days(1))
    carry_out(aapl, ActionKind.SPLIT, at=days(2), new_shares=1, old_shares=7)
    sell(alice, aapl, "0.2", "800.00", at=days(3))

    text = assert_ledger_agrees(alice, now=days(3), method=method)

    assert ' * "Split of AAPL"' in text
    assert "Equity:BrokerPro:Rounding" in text  # a seventh of a share is no whole unit


@pytest.mark.django_db
def test_dividends_coupons_and_what_is_taken_back(alice, aapl, admin_user):
    bond = make_bond()
    buy(alice, aapl, "10", "100.00", at=NOW)
    buy(alice, bond, "1000", "100.00", at=NOW)
    carry_out(aapl, ActionKind.DIVIDEND, at=days(1), amount=Decimal("0.5"))
    carry_out(bond, ActionKind.COUPON, at=days(2), amount=Decimal(3))
    reversals.reverse(CorporateAction.objects.earliest("pk").pk, by=admin_user, now=days(3))
    carry_out(bond, ActionKind.REDEMPTION, at=days(4), amount=Decimal(100))

    text = assert_ledger_agrees(alice, now=days(4))

    for narration in (
        "Dividend of AAPL",
        "Coupon of ACME-2033",
        "Dividend of AAPL taken back",
        "Redemption of ACME-2033",
    ):
        assert f' * "{narration}"\n' in text


@pytest.mark.django_db
@pytest.mark.parametrize("symbol", ["brk/b", "^GSPC", "=1+1", "TRUE", "9988.HK", "ÄÖ", "V", "A-"])
def test_symbols_that_beancount_does_not_take_are_written_otherwise(alice, symbol):
    odd = make_instrument(symbol, name='Odd "one" \\ \n2026-01-01 open Assets:Evil')
    buy(alice, odd, "2", "100.00", at=NOW)
    sell(alice, odd, "1", "100.00", at=days(1))

    entries, _ = loaded(assert_ledger_agrees(alice, now=days(1)))

    [listed] = [
        each for each in entries if isinstance(each, data.Commodity) and each.currency != "USD"
    ]
    assert listed.meta["symbol"] == beancount_text.symbol_of(listed.currency) == symbol
    assert listed.meta["name"] == 'Odd "one" \\  2026-01-01 open Assets:Evil'
    assert not any("Evil" in each.account for each in entries if isinstance(each, data.Open))


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["fifo", "average"])
def test_units_that_no_purchase_explains_are_counted_all_the_same(alice, aapl, method):
    buy(alice, aapl, "1", "100.00", at=NOW)
    give(alice, aapl.asset, "5")
    sell(alice, aapl, "3", "110.00", at=days(1))  # more than was bought
    carry_out(aapl, ActionKind.SPLIT, at=days(2), new_shares=3, old_shares=1)
    buy(alice, aapl, "2", "40.00", at=days(3))

    _, accounts = loaded(exported(alice, now=days(3), lot_method=method))

    totals = shown(alice, "holdings", now=days(3))["totals"]
    assert accounts[SECURITIES].get_currency_units("AAPL").number == 11
    assert f"{accounts[CASH].get_currency_units('USD').number:.2f}" == totals["cash"]
    assert accounts["Equity:BrokerPro:Other"].get_currency_units("AAPL").number == -5


@pytest.mark.django_db
def test_an_entry_that_waited_for_a_lock_over_midnight_stays_behind_the_earlier_one(alice, aapl):
    midnight = datetime(2026, 3, 3, 5, 0, tzinfo=UTC)  # in New York
    buy(alice, aapl, "1", "100.00", at=midnight + timedelta(seconds=5))
    place(alice, "sell", "1", now=midnight - timedelta(seconds=5))

    assert_ledger_agrees(alice, now=days(2))


@pytest.mark.django_db
def test_another_customers_entries_are_not_in_it(alice, aapl):
    bob = make_customer("bob@example.com", dollars="100000")
    buy(bob, aapl, "2", "100.00", at=NOW)

    assert "AAPL" not in exported(alice, now=days(1))


@pytest.mark.django_db
def test_a_method_that_there_is_not_is_refused(alice):
    with time_machine.travel(NOW, tick=False):
        answer = signed_in_client(alice).get("/api/portfolio/beancount/?lot_method=best")

    assert_problem(answer, status=400, code="invalid", field="lot_method")


class Customer(Account):
    """Somebody who does at random whatever can be booked."""

    def __init__(self, seed, admin):
        super().__init__(seed)
        self.admin = admin

    def step(self):
        super().step()
        choices = [self.pay_in, self.pay_out, self.give_back, self.be_paid, self.lose_payment]
        if self.random.random() < 0.4:
            with suppress(Refusal):
                self.random.choice(choices)()

    def dollars(self):
        return f"{self.random.randint(1, 10**6) / 100:.2f}"

    def pay_in(self):
        deposit(self.user, self.dollars(), at=self.at)

    def give_back(self):
        deposit(self.user, f"-{self.dollars()}", at=self.at)

    def pay_out(self):
        withdraw(self.user, self.dollars(), at=self.at, settled=self.random.random() < 0.7)

    def be_paid(self):
        """A dividend or a coupon, on a day of its own."""
        self.at += timedelta(days=2)
        if self.random.random() < 0.5 and self.bond.tradable:
            carry_out(self.bond, ActionKind.COUPON, at=self.at, amount=Decimal("1.234567"))
        else:
            carry_out(self.stock, ActionKind.DIVIDEND, at=self.at, amount=Decimal("0.333333"))

    def lose_payment(self):
        kinds = [ActionKind.DIVIDEND, ActionKind.COUPON]
        paid = CorporateAction.objects.filter(
            kind__in=kinds, reversed_at=None, entitlements__cents__gt=0
        )
        if (action := paid.first()) is not None:
            reversals.reverse(action.pk, by=self.admin, now=self.at)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
def test_at_random_beancount_agrees_to_the_cent_and_the_unit(seed, admin_user, monkeypatch):
    customer = Customer(seed, admin_user)
    for number in range(36):
        customer.step()
        if number % 12 == 11:
            monkeypatch.setattr(kept_lots, "STORED_AT_ONCE", customer.random.choice([3, 20, 20000]))
            method = [*LotMethod][number // 12 - 1]
            assert_ledger_agrees(customer.user, now=customer.at, method=method.value)
    # What may not have come up.
    buy(customer.user, customer.stock, "7", customer.price(), at=customer.at)
    customer.be_paid()
    customer.lose_payment()
    customer.pay_in()
    customer.give_back()
    withdraw(customer.user, "1.23", at=customer.at)
    for method in LotMethod:
        text = assert_ledger_agrees(customer.user, now=customer.at, method=method.value)
        for word in ("Deposit", "Withdrawal", "Deposit returned by the bank"):
            assert f'"{word}"' in text
        for word in ("Buy", "Sell", "taken back"):
            assert word in text


@pytest.mark.django_db
@pytest.mark.parametrize("methods", [("average", "fifo"), ("hifo", "average")])
def test_the_lots_of_the_customers_own_method_change_with_it(alice, aapl, methods):
    buy(alice, aapl, "3", "100.00", at=NOW)
    buy(alice, aapl, "4", "111.11", at=NOW)
    for day, method in zip((1, 3), methods, strict=True):
        lot_settings.change(owner_id=alice.pk, lot_method=LotMethod(method), now=days(day))
        sell(alice, aapl, "1.5", "105.00", at=days(day + 1))
    buy(alice, aapl, "1", "120.00", at=days(5))

    text = assert_ledger_agrees(alice, now=days(5), method=None)

    assert text != exported(alice, now=days(5), lot_method="fifo")


# Text -------------------------------------------------------------------------------------------


@given(symbol=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_every_symbol_has_a_name_that_leads_back_to_it(symbol):
    name = beancount_text.commodity(symbol)

    assert beancount_text.symbol_of(name) == symbol
    entries, errors, _ = loader.load_string(f"2026-01-01 commodity {name}\n")
    assert errors == []
    assert [getattr(entry, "currency", None) for entry in entries] == [name]


@given(text=st.text())
def test_no_text_ends_its_string_or_its_line(text):
    entries, errors, _ = loader.load_string(
        f"2026-01-01 event {beancount_text.quoted(text)} {beancount_text.quoted('x')}\n"
    )

    assert errors == []
    assert [getattr(event, "description", None) for event in entries] == ["x"]
