"""Several splits of one instrument: their combined limits, and a split undone on its own day."""

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client

from authentication.tests.browsers import administrator
from banking.tests.parallel import at_once
from exchange.corporate import processing
from exchange.models import CorporateAction, Quote
from exchange.tests.administrators import (
    ACTIONS,
    confirmed,
    dividend,
    enter,
    on,
    split,
    words,
)
from exchange.tests.market import NOW, balance, give, make_customer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now", "books_must_agree")]

TODAY = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(days=4)


@pytest.fixture
def alice(aapl):
    """She has one share at 190."""
    alice = make_customer()
    give(alice, aapl.asset, "1")
    return alice


def way_back(root: Client, action: CorporateAction) -> dict[str, str]:
    """The form as the page of the split fills it in."""
    page = root.get(f"{ACTIONS}{action.pk}/change/").content.decode()
    address = page.split("Split the other way round")[0].rsplit('href="', 1)[1].split('"')[0]
    shown = root.get(address.replace("&amp;", "&")).context["adminform"].form
    given = {name: shown.get_initial_for_field(field, name) for name, field in shown.fields.items()}
    empty = {"entitlements-TOTAL_FORMS": "0", "entitlements-INITIAL_FORMS": "0"}
    return {**{name: str(value or "") for name, value in given.items()}, **empty}


def test_a_split_is_taken_back_on_its_own_day_with_the_form_of_its_page(root, aapl, alice):
    enter(root, split(aapl, "10", "1", **on(2)))
    assert len(processing.run(now=TODAY)) == 1
    assert balance(alice, aapl.asset)[0] == 10

    enter(root, way_back(root, CorporateAction.objects.get()))
    assert len(processing.run(now=TODAY)) == 1

    assert balance(alice, aapl.asset)[0] == 1
    assert Quote.objects.get().price == 190
    assert processing.run(now=LATER) == []

    enter(root, split(aapl, "2", "1", **on(2)))  # the ratio that was meant
    assert len(processing.run(now=TODAY)) == 1
    assert balance(alice, aapl.asset)[0] == 2


def test_on_the_day_of_a_split_nothing_but_its_way_back_is_entered(root, aapl, alice):
    enter(root, split(aapl, "10", "1", **on(2)))
    processing.run(now=TODAY)

    for new, old in (("10", "1"), ("1", "5")):
        answer = root.post(f"{ACTIONS}add/", split(aapl, new, old, **on(2)))
        assert "can only be taken back, by 1 new for 10 old" in words(answer)
    enter(root, split(aapl, "1", "10", **on(2)))
    assert "change that one" in words(root.post(f"{ACTIONS}add/", split(aapl, "1", "10", **on(2))))
    assert CorporateAction.objects.count() == 2


def test_a_dividend_of_its_day_stays_one(root, aapl, alice):
    enter(root, dividend(aapl, **on(2)))
    processing.run(now=TODAY)

    assert "change that one" in words(root.post(f"{ACTIONS}add/", dividend(aapl, **on(2))))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_a_split_back_at_once_one_is_told(root, aapl, alice):
    clients = [root, administrator("second@example.com")]
    enter(root, split(aapl, "10", "1", **on(2)))
    processing.run(now=TODAY)
    url, form = f"{ACTIONS}add/", split(aapl, "1", "10", **on(2))
    fields = [confirmed(client.post(url, form)) for client in clients]

    at_once(
        [
            partial(client.post, url, sent, follow=True)
            for client, sent in zip(clients, fields, strict=True)
        ]
    )

    assert CorporateAction.objects.count() == 2
    processing.run(now=TODAY)
    assert balance(alice, aapl.asset)[0] == 1


def test_splits_that_are_harmless_alone_are_refused_together(root, aapl, alice):
    enter(root, split(aapl, "100", "1", **on(3)))
    enter(root, split(aapl, "100", "1", **on(5)))

    for day in (2, 4, 6):
        answer = root.post(f"{ACTIONS}add/", split(aapl, "100", "1", **on(day)))
        assert "AAPL would be at 0.000190 after its split of" in words(answer)
    assert CorporateAction.objects.count() == 2

    enter(root, split(aapl, "1", "100", **on(4)))
    enter(root, split(aapl, "100", "1", **on(6)))
    processing.run(now=LATER + timedelta(days=1))
    assert balance(alice, aapl.asset)[0] == 10_000
    assert str(Quote.objects.get().price) == "0.01900000"


def test_what_the_price_no_longer_allows_fails_with_a_reason(root, aapl, alice):
    enter(root, split(aapl, "100", "1"))
    Quote.objects.update(price="0.90")

    assert processing.run(now=LATER) == []

    action = CorporateAction.objects.get()
    reason = "AAPL would be at 0.009000 after its split of 2026-03-04, where nobody can trade."
    assert (action.state, action.failure) == ("failed", reason)
    assert reason in words(root.get(f"{ACTIONS}{action.pk}/change/"))
    assert balance(alice, aapl.asset)[0] == 1
    assert str(Quote.objects.get().price) == "0.90000000"


def test_more_shares_than_can_be_counted_fail_with_a_reason(root, aapl, alice):
    give(alice, aapl.asset, "9000000000000")
    enter(root, split(aapl, "2", "1"))
    root.post(f"{ACTIONS}{CorporateAction.objects.get().pk}/approve/")

    assert processing.run(now=LATER) == []

    action = CorporateAction.objects.get()
    assert action.state == "failed"
    assert action.failure.startswith("Numbers come of it that are larger than can be stored.")
    assert balance(alice, aapl.asset)[0] == 9_000_000_000_001
