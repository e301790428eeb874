"""A coupon that was reversed by mistake is announced anew and paid."""

import pytest

from authentication.tests.browsers import administrator
from banking.tests.parallel import at_once
from exchange.corporate import processing, workflow
from exchange.models import CorporateAction
from exchange.tests.administrators import ACTIONS, clerk, words
from exchange.tests.market import (
    NOW,
    assert_books_are_right,
    balance,
    give,
    make_bond,
    make_customer,
    set_quote,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

PAID_AT = NOW.replace(month=5, day=15)


@pytest.fixture
def alice(db):
    """She was paid a coupon of 300.00."""
    bond, alice = make_bond(), make_customer(dollars="0")
    set_quote(bond, "99.000", "99.500")
    give(alice, bond.asset, "10000")
    processing.run(now=PAID_AT)
    assert balance(alice)[0] == 300
    return alice


@pytest.fixture
def coupon(alice):
    return CorporateAction.objects.get(carried_out_at__isnull=False)


def page(action: CorporateAction, step: str) -> str:
    return f"{ACTIONS}{action.pk}/{step}/"


def the_new_one(coupon: CorporateAction) -> CorporateAction:
    return CorporateAction.objects.exclude(pk=coupon.pk).get(ex_date=coupon.ex_date)


def test_a_coupon_that_was_reversed_by_mistake_is_paid_after_all(root, alice, coupon):
    assert page(coupon, "anew") not in root.get(page(coupon, "change")).content.decode()
    root.post(page(coupon, "reverse"))
    assert processing.run(now=PAID_AT) == [], "not by itself"
    assert page(coupon, "anew") in root.get(page(coupon, "change")).content.decode()
    assert "Cash to be paid $300.00" in words(root.get(page(coupon, "anew")))

    answer = root.post(page(coupon, "anew"))

    new = the_new_one(coupon)
    assert answer.url == page(new, "change")
    assert (new.state, new.entered_by.email) == ("to come", "root@example.com")
    assert [done.action for done in processing.run(now=PAID_AT)] == [new]
    assert balance(alice)[0] == 300
    assert processing.run(now=PAID_AT) == []
    assert_books_are_right()
    root.post(page(new, "reverse"))
    assert balance(alice)[0] == 0
    assert_books_are_right()


def test_it_is_announced_anew_once(root, alice, coupon):
    refused = root.post(page(coupon, "anew"), follow=True)
    assert "Only a coupon that was reversed" in words(refused)
    root.post(page(coupon, "reverse"))
    root.post(page(coupon, "anew"))

    assert "Only a coupon that was" in words(root.post(page(coupon, "anew"), follow=True))
    assert len(processing.run(now=PAID_AT)) == 1
    assert "Only a coupon that was" in words(root.post(page(coupon, "anew"), follow=True))
    assert balance(alice)[0] == 300


def test_a_large_one_is_looked_at_twice(root, alice, coupon, settings):
    root.post(page(coupon, "reverse"))
    settings.SECOND_LOOK_DOLLARS = 300
    second = administrator("second@example.com")

    root.post(page(coupon, "anew"))

    new = the_new_one(coupon)
    assert new.state == "awaits a second look"
    assert processing.run(now=PAID_AT) == []
    root.post(page(new, "approve"))
    assert processing.run(now=PAID_AT) == []
    second.post(page(new, "approve"))
    assert len(processing.run(now=PAID_AT)) == 1
    assert balance(alice)[0] == 300


def test_it_is_for_who_may_enter(alice, coupon):
    clerk("reverser@example.com", "view", "reverse").post(page(coupon, "reverse"))

    reverser = clerk("other@example.com", "view", "reverse")
    assert reverser.post(page(coupon, "anew")).status_code == 403
    clerk("enterer@example.com", "view", "add").post(page(coupon, "anew"))
    assert the_new_one(coupon).state == "to come"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_announce_it_anew_at_once_one_does(root, alice, coupon):
    root.post(page(coupon, "reverse"))
    by = CorporateAction.objects.get(pk=coupon.pk).reversed_by

    def announce() -> str:
        try:
            return workflow.announce_anew(coupon.pk, by=by, now=PAID_AT).state
        except workflow.NothingToDecide as refusal:
            return refusal.code

    assert sorted(at_once([announce] * 3)) == ["nothing_to_decide"] * 2 + ["to come"]
    processing.run(now=PAID_AT)
    assert balance(alice)[0] == 300
