"""An account in debt: what it is worth, how it did, and what it may still do."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking import ledger, transactions
from banking.models import BankTransaction, LedgerAccount, Posting
from banking.tests.factories import BankAccountFactory
from be.kernel.refusals import Refusal
from exchange.models import Instrument, Order
from exchange.tests.market import (
    advance,
    assert_books_are_right,
    make_customer,
    make_instrument,
    place,
    set_quote,
    tick,
)
from exchange.trading import orders
from exchange.trading.intake.requests import ReplaceRequest
from portfolio import daily, holdings, performance
from portfolio.periods import Period
from portfolio.tests.accounts import MONDAY, TUESDAY, shown
from portfolio.tests.test_beancount import assert_ledger_agrees

HOUR = timedelta(hours=1)


def quote(instrument: Instrument, price: str, *, at: Any) -> None:
    """A round without a spread."""
    advance(tick(instrument.symbol, price, price, size="1000000"), at=at)


@pytest.fixture
def stock(db: None) -> Instrument:
    instrument = make_instrument("AAPL")
    set_quote(instrument, "190.00", "190.00", size="1000000", at=MONDAY)
    return instrument


@pytest.fixture
def dora(stock: Instrument) -> User:
    """Deposits 1,000 on Monday, buys 5 at 190, which rise to 209 by Tuesday, and has 50 left.

    Then the bank takes the 1,000 back.
    """
    user = make_customer("dora@example.com", dollars="0")
    account = BankAccountFactory.create(owner=user, account_number="55555", now=MONDAY)
    row = transactions.deposit(owner=user, account_id=account.pk, amount=Decimal(1000), now=MONDAY)
    place(user, "buy", "5", now=MONDAY)
    quote(stock, "209.00", at=TUESDAY)
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=TUESDAY)
    return user


# The worked example -----------------------------------------------------------------------------


def test_equity_is_cash_and_positions_less_the_debt(dora):
    totals = shown(dora, "holdings", now=TUESDAY)["totals"]

    assert (totals["cash"], totals["available_cash"], totals["debt"]) == ("0.00", "0.00", "950.00")
    assert (totals["market_value"], totals["equity"]) == ("1045.00", "95.00")
    assert totals["day_net_deposits"] == "-1000.00"
    # The stock is what has gained: 19 a share since the close of Monday.
    assert (totals["last_close_equity"], totals["day_change"]) == ("1000.00", "95.00")


def test_a_return_counts_as_money_that_went_out_and_not_as_a_loss(dora, stock):
    """50 and 950 became 1,095: 9.5 %. Of these 95 stay, and become 75: 1.095 * 75 / 95."""
    quote(stock, "205.00", at=TUESDAY + HOUR)

    found = shown(dora, "performance", now=TUESDAY + HOUR, period="all")

    assert (found["net_deposits"], found["gain"], found["end_equity"]) == ("0.00", "75.00", "75.00")
    expected = Decimal("1.095") * 75 / 95 - 1
    assert abs(Decimal(found["time_weighted_return"]) - expected) < Decimal("0.000001")


def test_more_debt_than_assets_has_no_time_weighted_return(dora, stock):
    quote(stock, "180.00", at=TUESDAY + HOUR)

    found = shown(dora, "performance", now=TUESDAY + HOUR, period="all")

    assert (found["end_equity"], found["gain"]) == ("-50.00", "-50.00")
    assert found["time_weighted_return"] is None
    assert found["reasons"]["time_weighted_return"]
    assert shown(dora, "holdings", now=TUESDAY + HOUR)["totals"]["equity"] == "-50.00"


def test_a_statement_explains_cash_below_zero_to_the_cent(dora):
    statement = shown(dora, "statements/2026-03", now=TUESDAY + HOUR)

    cash, equity = statement["cash"], statement["equity"]
    assert (cash["deposits"], cash["returned_deposits"]) == ("1000.00", "-1000.00")
    assert (cash["purchases"], cash["closing"], cash["other"]) == ("-950.00", "-950.00", "0.00")
    assert (equity["closing"], equity["other"]) == ("95.00", "0.00")
    assert [each["type"] for each in statement["transfers"]] == ["deposit", "deposit_return"]


def test_beancount_has_the_debt_as_cash_below_zero(dora):
    text = assert_ledger_agrees(dora, now=TUESDAY + HOUR)

    assert "Deposit returned by the bank" in text


def test_an_allocation_lists_no_cash_where_there_is_none(dora):
    found = shown(dora, "allocation", now=TUESDAY)

    assert found["equity"] == "95.00"
    assert [part["symbol"] for part in found["by_instrument"]] == ["AAPL"]


def test_the_proceeds_of_a_sale_pay_the_debt(dora, stock):
    place(dora, "sell", "5", now=TUESDAY)

    totals = shown(dora, "holdings", now=TUESDAY)["totals"]
    assert (totals["available_cash"], totals["debt"], totals["equity"]) == (
        "95.00",
        "0.00",
        "95.00",
    )
    assert_ledger_agrees(dora, now=TUESDAY + HOUR)
    assert_books_are_right()


def test_a_sale_that_brings_less_pays_a_part(dora):
    place(dora, "sell", "2", now=TUESDAY)

    totals = shown(dora, "holdings", now=TUESDAY)["totals"]
    assert (totals["available_cash"], totals["debt"], totals["equity"]) == (
        "0.00",
        "532.00",
        "95.00",
    )
    assert_books_are_right()


# Orders -----------------------------------------------------------------------------------------


def test_who_owes_money_buys_nothing(dora, time_machine):
    time_machine.move_to(TUESDAY, tick=False)
    before = Posting.objects.count()

    answer = signed_in_client(dora).post(
        "/api/exchange/api/v1/orders/",
        {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"},
    )

    assert_problem(answer, status=422, code="account_in_debt")
    assert "950.00 USD" in answer.json()["detail"]
    assert Posting.objects.count() == before


@pytest.fixture
def resting(stock: Instrument) -> tuple[User, Order, BankTransaction]:
    """A customer with 1,000 of a deposit, of which an order to buy holds 800."""
    user = make_customer("emil@example.com", dollars="0")
    account = BankAccountFactory.create(owner=user, account_number="55555", now=MONDAY)
    row = transactions.deposit(owner=user, account_id=account.pk, amount=Decimal(1000), now=MONDAY)
    return user, place(user, "buy", "8", limit="100.00", now=MONDAY), row


def test_open_orders_to_buy_are_canceled_by_the_next_round_and_pay(resting, stock):
    user, order, row = resting
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=MONDAY)
    wallet = LedgerAccount.objects.get(owner=user, asset="USD")
    assert (wallet.available, wallet.held, wallet.debt) == (0, 80000, 80000)

    quote(stock, "190.00", at=MONDAY + HOUR)

    order.refresh_from_db()
    assert (order.status, order.reject_reason) == ("canceled", "account_in_debt")
    wallet.refresh_from_db()
    assert (wallet.available, wallet.held, wallet.debt) == (0, 0, 0)
    assert_books_are_right()


def test_orders_of_others_and_orders_to_sell_stay_open(dora, stock):
    other = place(make_customer("otto@example.com"), "buy", "1", limit="100.00", now=TUESDAY)
    sale = place(dora, "sell", "1", limit="900.00", now=TUESDAY)

    quote(stock, "209.00", at=TUESDAY + HOUR)

    for order in (other, sale):
        order.refresh_from_db()
        assert order.status == "new"


def test_an_order_to_buy_is_not_replaced_in_debt(resting):
    user, order, row = resting
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=MONDAY)

    with pytest.raises(ledger.AccountInDebt):
        orders.replace(
            owner_id=user.pk,
            order_id=order.pk,
            request=ReplaceRequest(limit_price=Decimal("99.00")),
            now=MONDAY,
        )

    order.refresh_from_db()
    assert order.status == "new"
    assert_books_are_right()


def test_what_its_owner_cancels_pays_too(resting):
    user, order, row = resting
    transactions.return_payment(transaction_id=row.pk, reason="R01", now=MONDAY)

    orders.cancel(owner_id=user.pk, order_id=order.pk, now=MONDAY)

    wallet = LedgerAccount.objects.get(owner=user, asset="USD")
    assert (wallet.available, wallet.held, wallet.debt) == (0, 0, 0)
    assert_books_are_right()


# Whatever happens -------------------------------------------------------------------------------

amounts = st.integers(1, 2000)
quantities = st.integers(1, 9)


class DebtMachine(RuleBasedStateMachine):
    """A customer who moves money and trades, a bank that takes deposits back, and a plain account.

    The plain account counts whole dollars: what is available, held for orders, and owed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        self.now, self.price = MONDAY, 100
        self.stock = make_instrument("AAPL")
        set_quote(self.stock, "100.00", "100.00", size="1000000", at=self.now)
        self.user = make_customer("dora@example.com", dollars="0")
        self.account = BankAccountFactory.create(owner=self.user, now=self.now).pk
        self.available = self.debt = self.shares = self.net_deposits = 0
        self.resting: dict[Order, int] = {}
        self.deposits: list[tuple[BankTransaction, int]] = []

    def teardown(self) -> None:
        try:
            assert_books_are_right()
            self._figures_agree()
            daily.advance(self.user.pk)
            assert daily.check(self.user.pk) == []
            self._figures_agree()
        finally:
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)

    # The plain account.

    @property
    def held(self) -> int:
        return sum(self.resting.values())

    @property
    def equity(self) -> int:
        return self.available + self.held - self.debt + self.shares * self.price

    def _credit(self, dollars: int) -> None:
        paid = min(dollars, self.debt)
        self.debt -= paid
        self.available += dollars - paid

    def _round(self) -> None:
        self.now += timedelta(seconds=1)
        quote(self.stock, f"{self.price}.00", at=self.now)
        if self.debt:
            for order in [*self.resting]:
                self._credit(self.resting.pop(order))

    def _attempt(self, call: Any, costs: int) -> Any:
        """What the call gives; None where its cost is more than there is, and it refuses that."""
        if costs <= self.available:
            return call()
        with pytest.raises(Refusal) as refusal:
            call()
        assert refusal.value.code == ("account_in_debt" if self.debt else "insufficient_funds")
        return None

    # What happens.

    @rule(dollars=amounts)
    def deposit(self, dollars: int) -> None:
        row = transactions.deposit(
            owner=self.user, account_id=self.account, amount=Decimal(dollars), now=self.now
        )
        self.deposits.append((row, dollars))
        self.net_deposits += dollars
        self._credit(dollars)

    @rule(dollars=amounts)
    def withdraw(self, dollars: int) -> None:
        row = self._attempt(
            lambda: transactions.withdraw(
                owner=self.user, account_id=self.account, amount=Decimal(dollars), now=self.now
            ),
            dollars,
        )
        if row is not None:
            self.available -= dollars
            self.net_deposits -= dollars

    @rule(number=st.integers(0, 9))
    def give_back(self, number: int) -> None:
        if not self.deposits:
            return
        row, dollars = self.deposits.pop(number % len(self.deposits))
        transactions.return_payment(transaction_id=row.pk, reason="R01", now=self.now)
        taken = min(dollars, self.available)
        self.available -= taken
        self.debt += dollars - taken
        self.net_deposits -= dollars

    @rule(shares=quantities)
    def buy(self, shares: int) -> None:
        self._round()
        cost = shares * self.price
        if self._attempt(lambda: place(self.user, "buy", f"{shares}", now=self.now), cost):
            self.available -= cost
            self.shares += shares

    @rule(shares=quantities)
    def rest(self, shares: int) -> None:
        self._round()
        order = self._attempt(
            lambda: place(self.user, "buy", f"{shares}", limit="10.00", now=self.now), 10 * shares
        )
        if order is not None:
            self.available -= 10 * shares
            self.resting[order] = 10 * shares

    @rule(number=st.integers(0, 9))
    def cancel(self, number: int) -> None:
        if self.resting:
            order = [*self.resting][number % len(self.resting)]
            orders.cancel(owner_id=self.user.pk, order_id=order.pk, now=self.now)
            self._credit(self.resting.pop(order))

    @rule(shares=quantities)
    def sell(self, shares: int) -> None:
        self._round()
        shares = min(shares, self.shares)
        if shares:
            place(self.user, "sell", f"{shares}", now=self.now)
            self.shares -= shares
            self._credit(shares * self.price)

    @rule(price=st.integers(50, 200))
    def reprice(self, price: int) -> None:
        self.price = price
        self._round()

    # What is always so.

    @invariant()
    def the_ledger_is_the_plain_account(self) -> None:
        wallet = LedgerAccount.objects.filter(owner=self.user, asset="USD").first()
        found = (wallet.available, wallet.held, wallet.debt) if wallet else (0, 0, 0)
        assert found == (self.available * 100, self.held * 100, self.debt * 100)
        assert not (self.available and self.debt)
        cents = Posting.objects.filter(account__asset="USD").values_list("units", flat=True)
        assert sum(cents) == 0

    @invariant()
    def equity_is_cash_and_market_value_less_the_debt(self) -> None:
        found = holdings.holdings(owner_id=self.user.pk, lot_method=None, now=self.now).totals
        assert found.equity == found.cash + found.market_value - found.debt == self.equity
        assert found.day_change == self.equity - self.net_deposits

    def _figures_agree(self) -> None:
        """Performance and statement of it all add up."""
        if not self.net_deposits and not self.deposits:
            return
        now = self.now + timedelta(seconds=1)
        found = performance.performance(
            owner_id=self.user.pk, period=Period.ALL, benchmark=None, now=now
        )
        if found.end_equity is None:
            return
        assert (found.net_deposits, found.end_equity) == (self.net_deposits, self.equity)
        assert found.gain == self.equity - self.net_deposits
        statement = shown(self.user, "statements/2026-03", now=now)
        cash = self.available + self.held - self.debt
        assert Decimal(statement["cash"]["closing"]) == cash
        assert Decimal(statement["equity"]["closing"]) == self.equity
        assert statement["cash"]["other"] == statement["equity"]["other"] == "0.00"
        assert_ledger_agrees(self.user, now=now)


def test_whatever_happens_nobody_in_debt_has_money_and_all_figures_count_it(db: None):
    run_state_machine_as_test(
        DebtMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
