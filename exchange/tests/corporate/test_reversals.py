"""Reversals: what was paid by mistake is taken back by opposite entries."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Sum

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.browsers import administrator, browser
from banking import ledger
from banking.models import EntryKind, JournalEntry, LedgerAccount, Posting
from banking.rules.assets import USD
from banking.tests.parallel import at_once
from be.kernel.identifiers import uuid7
from exchange.corporate import processing, reversals
from exchange.models import Clawback, CorporateAction, TimeInForce
from exchange.tests.administrators import (
    ACTIONS,
    clerk,
    dividend,
    enter,
    split,
    words,
)
from exchange.tests.market import (
    NOW,
    assert_books_are_right,
    balance,
    give,
    make_bond,
    make_customer,
    place,
    set_quote,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

PAID_AT = NOW + timedelta(days=2, hours=2)


@pytest.fixture
def alice(aapl):
    alice = make_customer(dollars="100")
    give(alice, aapl.asset, "100")
    return alice


@pytest.fixture
def bob(aapl):
    bob = make_customer("bob@example.com", dollars="0")
    give(bob, aapl.asset, "10")
    return bob


@pytest.fixture
def paid(aapl, alice, bob, root):
    """A dividend of 5.00 that should have been 0.50: 500 for Alice, 50 for Bob."""
    enter(root, dividend(aapl, amount="5.00"))
    assert len(processing.run(now=PAID_AT)) == 1
    assert (balance(alice)[0], balance(bob)[0]) == (600, 50)
    return CorporateAction.objects.get()


def step(name: str) -> str:
    return f"{ACTIONS}{CorporateAction.objects.get(reversed_by=None).pk}/{name}/"


def house(role: str) -> Decimal:
    posted = Posting.objects.filter(account__house=role, account__asset="USD")
    return USD.amount(int(posted.aggregate(units=Sum("units"))["units"] or 0))


def spend(user, dollars: str) -> None:
    """Withdraw money, with no bank transaction behind it."""
    units = USD.units(Decimal(dollars))
    account = ledger.account_of(user.pk, USD)
    bank = LedgerAccount.objects.get(house="bank_clearing", asset="USD")
    lines = [ledger.Line(account, -units), ledger.Line(bank, units)]
    ledger.post(kind=EntryKind.WITHDRAWAL, reference=uuid7(NOW), lines=lines, at=NOW)


def test_a_dividend_is_taken_back_from_everybody_and_the_journal_keeps_both(root, paid, alice, bob):
    before = house("market")
    entries = JournalEntry.objects.count()

    look = root.get(step("reverse"))
    assert "To be given back $550.00" in words(look)
    assert "alice@example.com 500.00 500.00 0.00 bob@example.com 50.00 50.00 0.00" in words(look)
    assert balance(alice)[0] == 600, "a look moves nothing"
    assert root.post(step("reverse")).status_code == 302

    assert (balance(alice)[0], balance(bob)[0]) == (100, 0)
    assert house("market") == before + 550
    assert JournalEntry.objects.count() == entries + 2
    assert JournalEntry.objects.filter(kind="dividend").count() == 2
    paid.refresh_from_db()
    assert (paid.state, paid.reversed_by.email) == ("reversed", "root@example.com")
    told = LogEntry.objects.latest("pk").get_change_message()
    assert told == "Reverse: it is reversed. Seen: $550.00 due, $550.00 of it at once."
    assert_books_are_right()


def test_what_has_been_spent_is_charged_to_the_house_and_collected_later(root, paid, alice, bob):
    spend(bob, "45.00")
    before = house("market")

    assert "bob@example.com 50.00 5.00 45.00" in words(root.get(step("reverse")))
    root.post(step("reverse"))

    assert (balance(alice)[0], balance(bob)[0]) == (100, 0)
    assert (house("market"), house("errors")) == (before + 550, -45)
    page = f"{ACTIONS}{paid.pk}/"
    assert "5.00, 45.00 owed" in words(root.get(f"{page}change/"))
    assert_books_are_right()

    nothing = root.post(f"{page}collect/", follow=True)
    assert "Nobody who owes has money available now" in words(nothing)
    give(bob, USD, "30.00")
    root.post(f"{page}collect/")
    assert (balance(bob)[0], house("errors")) == (0, -15)
    give(bob, USD, "100.00")
    assert "Taken from customers now $15.00" in words(root.get(f"{page}collect/"))
    root.post(f"{page}collect/")
    assert (balance(bob)[0], house("errors")) == (85, 0)
    assert f"{page}collect/" not in root.get(f"{page}change/").content.decode()
    assert house("market") == before + 550
    assert_books_are_right()


def test_what_is_held_for_an_order_is_left_to_it(root, paid, bob):
    place(bob, "buy", "1", limit="40.00", time_in_force=TimeInForce.GTC)

    root.post(step("reverse"))

    assert balance(bob) == (0, 40)
    assert house("errors") == -40
    assert_books_are_right()


def test_the_right_one_can_be_entered_in_its_place(root, paid, aapl, alice, monkeypatch):
    root.post(step("reverse"))
    monkeypatch.setattr("django.utils.timezone.now", lambda: PAID_AT)
    root = browser(User.objects.get(is_superuser=True))  # sessions of the admin last 12 hours

    enter(root, dividend(aapl, amount="0.50", payable_date="2026-03-05"))

    assert len(processing.run(now=PAID_AT + timedelta(days=1))) == 1
    assert balance(alice)[0] == 150
    assert_books_are_right()


def test_a_coupon_is_taken_back_too(root):
    bond, alice = make_bond(), make_customer(dollars="0")
    set_quote(bond, "99.000", "99.500")
    give(alice, bond.asset, "10000")
    processing.run(now=NOW.replace(month=5, day=15))
    assert balance(alice)[0] == 300
    coupon = CorporateAction.objects.get(carried_out_at__isnull=False)

    root.post(f"{ACTIONS}{coupon.pk}/reverse/")

    assert balance(alice)[0] == 0
    assert processing.run(now=NOW.replace(month=5, day=15)) == [], "it is not paid once more"
    assert_books_are_right()


def test_a_split_is_taken_back_by_one_the_other_way_round(root, aapl, alice, settings):
    settings.SECOND_LOOK_DOLLARS = 1_000_000
    enter(root, split(aapl, "10", "1"))
    processing.run(now=PAID_AT)

    answer = root.post(step("reverse"), follow=True)
    assert "a split the other way round" in words(answer)
    assert balance(alice, aapl.asset)[0] == 1000

    assert f"{ACTIONS}add/?" in root.get(step("change")).content.decode()
    enter(root, split(aapl, "1", "10", ex_date="2026-03-05", payable_date="2026-03-05"))
    processing.run(now=PAID_AT + timedelta(days=1))
    assert balance(alice, aapl.asset)[0] == 100


def test_a_large_reversal_is_looked_at_twice(paid, alice, settings, root):
    settings.SECOND_LOOK_DOLLARS = 500
    second = administrator("second@example.com")

    root.post(step("reverse"))
    assert balance(alice)[0] == 600
    paid.refresh_from_db()
    assert paid.state == "reversal awaits a second look"
    refused = root.post(step("reverse"), follow=True)
    assert "One of these can approve it: second@example.com" in words(refused)
    assert balance(alice)[0] == 600

    assert "Asked for by root@example.com" in words(second.get(step("reverse")))
    second.post(step("reverse"))
    assert balance(alice)[0] == 100
    assert_books_are_right()


def test_the_only_administrator_reverses_in_two_steps(paid, alice, settings, root):
    settings.SECOND_LOOK_DOLLARS = 500

    root.post(step("reverse"))
    assert balance(alice)[0] == 600
    root.post(step("reverse"))

    assert balance(alice)[0] == 100


def test_a_reversal_that_was_asked_for_can_be_refused(paid, alice, settings, root):
    settings.SECOND_LOOK_DOLLARS = 500
    root.post(step("reverse"))
    assert "What was paid stays paid".lower() in words(root.get(step("keep"))).lower()

    root.post(step("keep"))

    paid.refresh_from_db()
    assert paid.state == "carried out"
    assert balance(alice)[0] == 600
    assert "Nobody has asked" in words(root.post(step("keep"), follow=True))


def test_to_reverse_is_a_permission_of_its_own(paid, alice):
    enterer = clerk("enterer@example.com", "view", "add", "change", "approve")
    assert enterer.post(step("reverse")).status_code == 403
    assert balance(alice)[0] == 600

    clerk("reverser@example.com", "view", "reverse").post(step("reverse"))
    assert balance(alice)[0] == 100


def test_what_has_not_been_paid_or_was_taken_back_can_not_be_reversed(root, aapl, alice, bob):
    enter(root, dividend(aapl, amount="5.00"))
    answer = root.post(step("reverse"), follow=True)
    assert "delete it instead" in words(answer)
    processing.run(now=PAID_AT)
    root.post(step("reverse"))
    again = f"{ACTIONS}{CorporateAction.objects.get().pk}/reverse/"

    assert "It has been reversed" in words(root.post(again, follow=True))
    assert balance(alice)[0] == 100
    assert Clawback.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_racing_reversals_one_takes_the_money(root, paid, alice):
    by = paid.entered_by

    def reverse() -> object:
        try:
            return reversals.reverse(paid.pk, by=by, now=PAID_AT).state
        except reversals.NotReversible as refusal:
            return refusal.code

    answers = at_once([reverse] * 4)

    assert sorted(map(str, answers)) == ["not_reversible"] * 3 + ["reversed"]
    assert balance(alice)[0] == 100
    assert_books_are_right()


def test_a_statement_shows_the_reversal(root, paid, alice):
    root.post(step("reverse"))

    answer = signed_in_client(alice).get("/api/banking/statement/")

    assert answer.status_code == 200
    kinds = [row["kind"] for row in answer.json()["results"]]
    assert {"dividend", "reversal"} <= set(kinds)


def test_many_are_taken_back_from_in_parts(root, aapl, monkeypatch):
    monkeypatch.setattr(reversals, "PAID_AT_ONCE", 2)
    for number in range(5):
        give(make_customer(f"c{number}@example.com", dollars="0"), aapl.asset, "1")
    enter(root, dividend(aapl, amount="2.00"))
    processing.run(now=PAID_AT)

    root.post(step("reverse"))

    assert [row.cents for row in Clawback.objects.all()] == [200] * 5
    assert_books_are_right()
