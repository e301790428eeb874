"""The admin shows decimal amounts, also of the house, and never the integer units."""

import re
from datetime import UTC, date, datetime

import pytest
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from authentication.models import User
from banking import holds, ledger
from banking.models import Hold, HouseAccount, JournalEntry, LedgerAccount, Posting
from banking.rules.assets import USD
from be.kernel.identifiers import uuid7
from exchange.corporate import processing
from exchange.models import (
    CorporateAction,
    Execution,
    FeeSchedule,
    Instrument,
    Order,
    Quote,
    TimeInForce,
)
from exchange.tests import market
from exchange.tests.corporate.actions import announce_dividend
from exchange.tests.market import NOW

# 3 shares at 190.02 with a fee, 2 more that wait at 123.45, and a dividend of 0.1 a share.
BOUGHT = "3"


@pytest.fixture
def traded(alice: User, aapl: Instrument) -> Order:
    FeeSchedule.objects.update_or_create(
        asset_class="stock", defaults={"maker_bps": 5, "taker_bps": 10}
    )
    announce_dividend(aapl, "0.1", ex_date=date(2026, 3, 3))
    order = market.place(alice, quantity=BOUGHT)
    market.place(alice, quantity="2", limit="123.45", time_in_force=TimeInForce.GTC)
    processing.run(now=datetime(2026, 3, 3, 17, tzinfo=UTC))
    return order


def cells(page: str) -> set[str]:
    text = strip_tags(page.replace("<", "\n<"))
    return {line.strip() for line in text.splitlines() if line.strip()}


def page_of(root: Client, row: object) -> set[str]:
    opts = row._meta  # type: ignore[attr-defined]
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])  # type: ignore[attr-defined]
    answer = root.get(url)
    assert answer.status_code == 200
    return cells(answer.content.decode())


def list_of(root: Client, model: type) -> set[str]:
    opts = model._meta  # type: ignore[attr-defined]
    answer = root.get(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))
    assert answer.status_code == 200
    return cells(answer.content.decode())


def test_house_accounts_show_the_sum_of_what_was_posted_to_them(root, alice, traded):
    fees = LedgerAccount.objects.get(house="fees", asset="USD")
    bank = LedgerAccount.objects.get(house="bank_clearing", asset="USD")
    street = LedgerAccount.objects.get(house="market", asset="USD")
    paid = sum(row.fee_cents for row in Execution.objects.all())
    assert paid

    listed = list_of(root, LedgerAccount)

    # 10,000 came from the bank; 3 × 190.02 went to the market, and 3 × 0.10 came from it.
    for account, shown in (
        (fees, f"{USD.amount(paid):,f}"),
        (bank, "-10,000.00"),
        (street, "569.76"),
    ):
        assert shown in listed
        assert shown in page_of(root, account)
    assert "-3.000000" in listed, "shares that the market gave"


def test_a_customers_account_shows_what_is_available_and_held_and_both_together(root, alice):
    account = ledger.account_of(alice.pk, USD)
    holds.hold(account=account, units=246, reference=uuid7(NOW), at=NOW)

    assert {"10,000.00", "9,997.54", "2.46"} <= list_of(root, LedgerAccount)
    assert {"10,000.00", "9,997.54", "2.46"} <= page_of(root, account)


def test_a_house_account_that_nothing_was_posted_to_is_zero(root):
    ledger.house_account(HouseAccount.ROUNDING, USD)

    assert "0.00" in list_of(root, LedgerAccount)


def test_balances_can_be_sorted_by(root, traded):
    url = reverse("admin:banking_ledgeraccount_changelist")

    answer = root.get(url, {"o": "4"})

    assert answer.status_code == 200
    shown = answer.context["cl"].result_list
    balances = [row.balance for row in shown]
    assert balances == sorted(balances)


def test_orders_and_executions_are_shown_in_shares_and_dollars(root, traded):
    execution = Execution.objects.get(order=traded)
    fee = f"{USD.amount(execution.fee_cents):,f}"

    for page in (
        list_of(root, Order),
        page_of(root, traded),
        list_of(root, Execution),
        page_of(root, execution),
    ):
        assert "3.000000" in page
    for page in (page_of(root, traded), list_of(root, Execution), page_of(root, execution)):
        assert {"570.06", fee, "190.02"} <= page
    assert "123.45" in list_of(root, Order)


def test_an_order_for_dollars_shows_them(root, alice, aapl):
    order = market.place(alice, quantity=None, notional="1234.56")

    assert "1,234.56" in list_of(root, Order)
    assert "1,234.56" in page_of(root, order)


def test_holds_quotes_entitlements_and_postings_are_shown_as_amounts(root, alice, aapl, traded):
    hold = Hold.objects.get(ended_at__isnull=True)
    reserved = f"{USD.amount(hold.remaining):,f}"
    for page in (list_of(root, Hold), page_of(root, hold)):
        assert {reserved, "alice@example.com", "USD"} <= page
    assert "1,000.000000" in page_of(root, Quote.objects.get())
    assert {"3.000000", "0.30", "alice@example.com"} <= page_of(root, CorporateAction.objects.get())
    trade = JournalEntry.objects.get(kind="trade")
    assert {"+570.06 USD", "+3.000000 AAPL", "alice@example.com", "market"} <= page_of(root, trade)


def test_no_page_of_money_or_orders_shows_whole_units(root, traded):
    """No admin page shows a stored value in integer units."""
    raw = {
        str(abs(units))
        for row in (*Order.objects.values(), *Execution.objects.values(), *Hold.objects.values())
        for name, units in row.items()
        if name in {"quantity", "filled_quantity", "cents", "units", "remaining", "notional_cents"}
        and isinstance(units, int)
    } | {str(abs(row.units)) for row in Posting.objects.all()}
    raw = {units for units in raw if len(units) > 4}  # what is shorter can be a part of a time
    assert {"3000000", "57006"} <= raw

    for model in django_admin.site._registry:
        if model._meta.app_label not in ("banking", "exchange"):
            continue
        rows = model._default_manager.all()[:5]
        pages = [list_of(root, model), *(page_of(root, row) for row in rows)]
        for page in pages:
            assert not raw & {number for cell in page for number in re.findall(r"\d+", cell)}, model
