"""The size of an action is checked again when it is carried out."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from exchange.corporate import processing
from exchange.models import CorporateAction, Quote
from exchange.tests.administrators import ACTIONS, dividend, enter, on, split, words
from exchange.tests.market import NOW, balance, give, make_customer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now", "books_must_agree")]

FOURTH, FIFTH = (NOW + timedelta(days=days, hours=2) for days in (2, 3))


@pytest.fixture
def alice(aapl):
    """She has one share at 190 and no money."""
    alice = make_customer(dollars="0")
    give(alice, aapl.asset, "1")
    return alice


def the(kind: str) -> CorporateAction:
    return CorporateAction.objects.get(kind=kind)


def page(kind: str, step: str) -> str:
    return f"{ACTIONS}{the(kind).pk}/{step}/"


def test_a_dividend_that_a_split_has_made_larger_than_the_price_is_not_paid(root, aapl, alice):
    enter(root, dividend(aapl, amount="45.00"))  # below a quarter of 190
    look = enter(root, split(aapl, "100", "1", **on(3)))
    assert "Dividends that go ex after it" in words(look)
    assert "45 a share on 2026-03-04" in words(look)

    assert [done.action.kind for done in processing.run(now=FOURTH)] == ["split"]

    assert balance(alice)[0] == 0
    assert the("dividend").state == "failed"
    reason = "45 a share is no less than the share is worth: AAPL is at 1.90"
    assert reason in words(root.get(page("dividend", "change")))
    assert reason in words(root.get(ACTIONS))

    enter(root, dividend(aapl, amount="0.45"), page("dividend", "change"))
    assert len(processing.run(now=FOURTH)) == 1
    assert balance(alice)[0] == 45


def test_a_dividend_after_a_split_that_is_to_come_is_compared_with_the_price_of_its_day(
    root, aapl, alice
):
    enter(root, split(aapl, "100", "1", **on(3)))

    refused = root.post(f"{ACTIONS}add/", dividend(aapl, amount="1.90"))
    assert "no less than the share is worth: AAPL is at 1.90" in words(refused)

    look = enter(root, dividend(aapl, amount="0.50"))
    assert "Price of a share 1.90 Cash to be paid $50.00" in words(look)
    assert the("dividend").awaits_approval, "it is a quarter of that price"


def test_a_dividend_of_before_a_split_is_compared_with_the_price_of_its_day_too(root, aapl, alice):
    enter(root, dividend(aapl, amount="5.00", ex_date="2026-03-03", payable_date="2026-03-05"))
    look = enter(root, split(aapl, "100", "1"))
    assert "Dividends that go ex after it" not in words(look)

    done = processing.run(now=FIFTH)

    assert [each.action.kind for each in done] == ["dividend", "split"]
    assert balance(alice)[0] == 5


def test_it_is_paid_for_old_shares_though_they_were_split_days_before(root, aapl, alice):
    enter(root, dividend(aapl, amount="5.00", ex_date="2026-03-03", payable_date="2026-03-05"))
    enter(root, split(aapl, "100", "1"))

    assert [each.action.kind for each in processing.run(now=FOURTH)] == ["split"]
    assert [each.action.kind for each in processing.run(now=FIFTH)] == ["dividend"]
    assert balance(alice)[0] == 5


def test_a_dividend_that_has_become_a_quarter_of_the_price_is_put_off(root, aapl, alice, capsys):
    enter(root, dividend(aapl, amount="45.00"))
    Quote.objects.update(price=Decimal(100))

    assert processing.run(now=FOURTH) == []

    assert the("dividend").state == "awaits a second look"
    reason = "a quarter of the price, or more, since it was entered: AAPL is at 100.00"
    assert reason in words(root.get(page("dividend", "change")))
    call_command("run_corporate_actions")
    assert reason in capsys.readouterr().out
    root.post(page("dividend", "approve"))
    assert the("dividend").failure == ""
    assert len(processing.run(now=FOURTH)) == 1
    assert balance(alice)[0] == 45


def test_what_has_outgrown_its_approval_is_put_off_until_it_is_approved_anew(root, aapl, alice):
    enter(root, dividend(aapl, amount="70.00"))
    root.post(page("dividend", "approve"))
    assert the("dividend").approved_value == 70
    give(alice, aapl.asset, "1500")

    assert processing.run(now=FOURTH) == []

    assert the("dividend").state == "awaits a second look"
    told = words(root.get(page("dividend", "change")))
    assert "It has come to $105,070.00 since it was approved." in told
    assert "Cash to be paid $105,070.00" in words(root.get(page("dividend", "approve")))
    root.post(page("dividend", "approve"))
    assert len(processing.run(now=FOURTH)) == 1
    assert balance(alice)[0] == 105070


def test_what_has_grown_a_little_since_its_approval_is_paid(root, aapl, alice):
    enter(root, dividend(aapl, amount="70.00"))
    root.post(page("dividend", "approve"))
    give(alice, aapl.asset, "142")  # 9,940 more

    assert len(processing.run(now=FOURTH)) == 1
    assert balance(alice)[0] == 10010


@pytest.mark.parametrize(("more", "paid"), [("", True), ("0.01", False)])
def test_where_the_limit_is_nothing_an_approval_is_for_what_was_seen(
    root, aapl, alice, settings, more, paid
):
    settings.SECOND_LOOK_DOLLARS = 0
    enter(root, dividend(aapl, amount="1.00"))
    root.post(page("dividend", "approve"))
    if more:
        give(alice, aapl.asset, more)

    assert bool(processing.run(now=FOURTH)) == paid


def test_what_is_changed_loses_the_value_that_was_approved(root, aapl, alice):
    enter(root, dividend(aapl, amount="70.00"))
    root.post(page("dividend", "approve"))

    enter(root, dividend(aapl, amount="1.00"), page("dividend", "change"))

    assert the("dividend").approved_value is None


def test_an_approved_split_is_carried_out_though_its_shares_are_dearer_by_then(root, aapl, alice):
    give(alice, aapl.asset, "100")
    enter(root, split(aapl, "2", "1"))
    root.post(page("split", "approve"))
    Quote.objects.update(price=Decimal(390))

    assert len(processing.run(now=FOURTH)) == 1
    assert balance(alice, aapl.asset)[0] == 202
