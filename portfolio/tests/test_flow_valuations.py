"""Every flow is valued, by whichever way it is booked, and exactly once."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from banking import flows, ledger, transactions
from banking.models import JournalEntry
from banking.rules import rails
from banking.rules.assets import USD
from banking.tests.factories import NOW, BankAccountFactory
from banking.tests.parallel import at_once
from exchange.models import Quote
from exchange.tests.market import give, make_bond, make_instrument, place, set_quote
from portfolio.models import FlowValue
from portfolio.tests.accounts import open_account

URL = "/api/banking/transactions/"
LATER = NOW + timedelta(seconds=5)


def values():
    """Kind, dollars of equity before, and dollars that moved, of each flow in order."""
    found = []
    for entry in JournalEntry.objects.filter(kind__in=flows.KINDS).order_by("pk"):
        (moved,) = entry.postings.filter(account__owner__isnull=False).values_list("units")
        value = FlowValue.objects.get(entry=entry)
        found.append((entry.kind, f"{USD.amount(value.equity_cents)}", f"{USD.amount(moved[0])}"))
    return found


@pytest.mark.django_db
def test_deposits_and_withdrawals_are_valued_as_they_are_settled():
    owner = UserFactory.create()
    client = signed_in_client(owner)
    at_once_, delayed = (
        BankAccountFactory.create(owner=owner, account_number=number)
        for number in ("1234567", rails.DELAYED)
    )
    for account, kind, amount in [
        (at_once_, "deposit", "1000"),
        (delayed, "deposit", "70"),
        (delayed, "withdrawal", "30"),
        (at_once_, "withdrawal", "400"),
    ]:
        sent = {"account": str(account.pk), "type": kind, "amount": amount}
        assert client.post(URL, sent).status_code == 201
    assert len(values()) == 2

    transactions.settle_due(now=NOW + timedelta(days=9000))

    assert values() == [
        ("deposit", "0.00", "1000.00"),
        ("withdrawal", "1000.00", "-400.00"),
        ("deposit", "600.00", "70.00"),
        ("withdrawal", "670.00", "-30.00"),
    ]


@pytest.mark.django_db
def test_what_the_bank_takes_back_or_gives_back_is_valued_too():
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner, account_number=rails.RETURNED_LATER)
    good = BankAccountFactory.create(owner=owner)
    move: dict[str, Any] = {"owner": owner, "now": NOW}
    transactions.deposit(**move, account_id=good.pk, amount=Decimal(500))
    transactions.deposit(**move, account_id=account.pk, amount=Decimal(40))
    transactions.withdraw(**move, account_id=account.pk, amount=Decimal(100))

    transactions.settle_due(now=NOW + timedelta(minutes=1))

    assert values()[2:] == [
        ("withdrawal", "540.00", "-100.00"),
        ("deposit_return", "440.00", "-40.00"),
        ("withdrawal", "400.00", "100.00"),
    ]


@pytest.mark.django_db
def test_positions_count_at_their_quotes_and_bonds_with_their_interest():
    alice = open_account("alice@example.com", deposits="20000", at=NOW)
    set_quote(make_instrument("AAPL"), "190.00", "190.02", at=NOW)
    set_quote(make_bond("ACME-2033"), "98.40", "98.50", size="100000", at=NOW)
    place(alice, "buy", "3.5", symbol="AAPL", now=NOW)  # 665.07
    place(alice, "buy", "10000", symbol="ACME-2033", now=NOW)
    place(alice, "sell", "1", symbol="AAPL", limit="999", now=NOW)  # held, and still hers
    paid = Decimal(20000) - USD.amount(ledger.account_of(alice.pk, USD).available)
    accrued = paid - Decimal("665.07") - 9850

    give(alice, USD, "10")

    cash = 20000 - paid
    assert Decimal(values()[-1][1]) == cash + Decimal("665.00") + 9840 + accrued
    kept = FlowValue.objects.latest("pk").prices
    assert {symbol: Decimal(price) for symbol, price in kept.items()} == dict(
        Quote.objects.values_list("instrument__symbol", "price")
    )


@pytest.mark.django_db
def test_a_flow_that_nobody_can_value_is_not_booked(monkeypatch):
    monkeypatch.setattr(flows, "listener", flows._not_installed)
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner)

    with pytest.raises(RuntimeError, match="no witness"):
        transactions.deposit(owner=owner, account_id=account.pk, amount=Decimal(5), now=NOW)

    assert ledger.account_of(owner.pk, USD).available == 0
    assert not JournalEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_deposits_at_once_are_each_valued_after_the_one_before():
    owner = UserFactory.create()
    amounts = range(1, 9)
    accounts = [BankAccountFactory.create(owner=owner) for _ in amounts]

    at_once(
        [
            partial(
                transactions.deposit,
                owner=owner,
                account_id=account.pk,
                amount=Decimal(amount),
                now=NOW,
            )
            for account, amount in zip(accounts, amounts, strict=True)
        ]
    )

    booked = sorted((Decimal(before), Decimal(moved)) for _, before, moved in values())
    worth = Decimal(0)
    for before, moved in booked:
        assert before == worth
        worth += moved
    assert worth == sum(amounts)
