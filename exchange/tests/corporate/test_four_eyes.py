"""Four-eyes approval: what moves a lot of money needs a second administrator."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.contrib.admin.models import LogEntry

from authentication.models import User
from authentication.tests.browsers import administrator, browser
from banking.tests.parallel import at_once
from exchange.corporate import processing
from exchange.models import CorporateAction
from exchange.tests.administrators import (
    ACTIONS,
    clerk,
    confirmed,
    dividend,
    enter,
    split,
    words,
)
from exchange.tests.market import NOW, balance, give, make_customer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now", "books_must_agree")]

ON_ITS_DAY = NOW + timedelta(days=2, hours=2)


@pytest.fixture(autouse=True)
def limit(settings):
    settings.SECOND_LOOK_DOLLARS = 1000


@pytest.fixture
def alice(aapl):
    """She has 100 shares at 190, worth 19,000, and 10,000 dollars."""
    alice = make_customer()
    give(alice, aapl.asset, "100")
    return alice


def the_action() -> CorporateAction:
    return CorporateAction.objects.get()


def page(step: str) -> str:
    return f"{ACTIONS}{the_action().pk}/{step}/"


def test_a_large_dividend_is_carried_out_once_a_second_administrator_has_approved_it(aapl, alice):
    first, second = administrator("first@example.com"), administrator("second@example.com")

    look = enter(first, dividend(aapl, amount="10.00"))

    assert "Cash to be paid $1,000.00" in words(look)
    assert "One of these can take it: second@example.com" in words(look)
    assert processing.run(now=ON_ITS_DAY) == []
    assert the_action().state == "awaits a second look"
    assert "awaits a second look" in words(first.get(page("change")))

    refused = first.post(page("approve"), follow=True)
    assert "You entered it. One of these can approve it: second@example.com" in words(refused)
    assert the_action().awaits_approval

    assert "Cash to be paid $1,000.00" in words(second.get(page("approve")))
    assert the_action().awaits_approval, "a look changes nothing"
    assert second.post(page("approve")).status_code == 302
    assert the_action().approved_by.email == "second@example.com"
    assert len(processing.run(now=ON_ITS_DAY)) == 1
    assert balance(alice)[0] == 11000
    told = LogEntry.objects.get(user__email="second@example.com").get_change_message()
    assert told == "Approve: it is to come. Seen: 1 holders, $1,000.00."


def test_a_large_split_is_looked_at_twice_too(aapl, alice):
    first, second = administrator("first@example.com"), administrator("second@example.com")
    enter(first, split(aapl, "2", "1"))

    assert processing.run(now=ON_ITS_DAY) == []
    second.post(page("approve"))
    assert len(processing.run(now=ON_ITS_DAY)) == 1
    assert balance(alice, aapl.asset)[0] == 200


def test_a_small_dividend_needs_no_second_look(aapl, alice):
    enter(administrator(), dividend(aapl, amount="9.99"))

    assert len(processing.run(now=ON_ITS_DAY)) == 1


def test_a_dividend_of_a_quarter_of_the_price_needs_one_whatever_it_costs(aapl):
    enter(administrator(), dividend(aapl, amount="47.50"))

    assert the_action().awaits_approval


def test_the_only_administrator_takes_the_second_look_in_a_step_of_its_own(aapl, alice):
    only = administrator()
    look = enter(only, dividend(aapl, amount="10.00"))
    assert "Nobody else can take it: you will be asked once more" in words(look)
    assert processing.run(now=ON_ITS_DAY) == []

    only.post(page("approve"))

    assert len(processing.run(now=ON_ITS_DAY)) == 1
    assert balance(alice)[0] == 11000


def test_who_has_left_is_no_second_administrator(aapl, alice, django_user_model):
    only = administrator()
    administrator("gone@example.com")
    django_user_model.objects.filter(email="gone@example.com").update(is_active=False)
    enter(only, dividend(aapl, amount="10.00"))

    only.post(page("approve"))

    assert not the_action().awaits_approval


def test_the_second_look_is_a_permission_of_its_own(aapl, alice):
    enterer = clerk("enterer@example.com", "view", "add", "change")
    checker = clerk("checker@example.com", "view", "approve")
    enter(enterer, dividend(aapl, amount="10.00"))

    assert enterer.post(page("approve")).status_code == 403
    assert checker.post(f"{ACTIONS}add/", dividend(aapl)).status_code == 403
    assert the_action().awaits_approval
    assert checker.post(page("approve")).status_code == 302
    assert not the_action().awaits_approval


def test_what_is_changed_after_its_approval_awaits_another(aapl, alice):
    first, second = administrator("first@example.com"), administrator("second@example.com")
    enter(first, dividend(aapl, amount="10.00"))
    second.post(page("approve"))

    enter(second, dividend(aapl, amount="11.00"), page("change"))

    assert the_action().awaits_approval
    second.post(page("approve"))
    assert the_action().awaits_approval, "the second is the first now"
    first.post(page("approve"))
    assert not the_action().awaits_approval


def test_what_has_grown_since_it_was_entered_is_put_off(aapl, alice, caplog):
    only = administrator()
    enter(only, dividend(aapl, amount="9.00"))
    give(alice, aapl.asset, "100")

    assert processing.run(now=ON_ITS_DAY) == []

    assert the_action().state == "awaits a second look"
    assert "come to $1,800.00" in caplog.text
    only.post(page("approve"))
    assert len(processing.run(now=ON_ITS_DAY)) == 1
    assert balance(alice)[0] == 11800


def test_nothing_is_approved_twice_or_after_it_was_carried_out(aapl, alice):
    only = administrator()
    enter(only, dividend(aapl, amount="1.00"))

    answer = only.post(page("approve"), follow=True)

    assert "awaits no second look" in words(answer)
    assert the_action().approved_at is None


def test_a_split_whose_day_has_passed_is_not_approved(aapl, alice, monkeypatch):
    only = administrator()
    enter(only, split(aapl, "2", "1", ex_date="2026-03-03", payable_date="2026-03-03"))
    monkeypatch.setattr("django.utils.timezone.now", lambda: ON_ITS_DAY)
    only = browser(User.objects.get(is_superuser=True))  # sessions of the admin last 12 hours

    answer = only.post(page("approve"), follow=True)

    assert "has passed" in words(answer)
    assert the_action().awaits_approval


@pytest.mark.parametrize("step", ["approve", "retry", "reverse", "collect"])
def test_steps_are_not_for_everybody(aapl, alice, step):
    enter(administrator(), dividend(aapl, amount="10.00"))

    for client in (clerk("viewer@example.com", "view"),):
        assert client.get(page(step)).status_code == 403
        assert client.post(page(step)).status_code == 403
    assert the_action().awaits_approval


def test_a_step_with_what_is_not_there_is_not_found():
    client = administrator()

    assert client.get(f"{ACTIONS}01890000-0000-7000-8000-000000000000/approve/").status_code == 404
    assert confirmed(client.get(ACTIONS)) is not None


@pytest.mark.django_db(transaction=True)
def test_of_two_who_enter_the_same_at_once_one_is_told(aapl):
    clients = [administrator(f"{name}@example.com") for name in ("one", "two", "three")]
    url = f"{ACTIONS}add/"
    fields = [confirmed(client.post(url, dividend(aapl, amount="1.00"))) for client in clients]

    def save(client, sent):
        return client.post(url, sent, follow=True)

    pages = at_once([partial(save, *each) for each in zip(clients, fields, strict=True)])

    assert [page.status_code for page in pages] == [200] * 3
    assert CorporateAction.objects.count() == 1
    told = [words(page) for page in pages]
    assert sum("was added successfully" in each for each in told) == 1
    assert sum("change that one" in each or "has just entered" in each for each in told) == 2


def test_everything_is_looked_at_twice_where_the_limit_is_nothing(aapl, alice, settings):
    settings.SECOND_LOOK_DOLLARS = 0

    enter(administrator(), dividend(aapl, amount="0.01"))

    assert the_action().awaits_approval
    assert Decimal(the_action().amount or 0) == Decimal("0.01")
