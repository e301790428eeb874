"""Entering an action: typing errors are refused, and the effects are shown before it is saved."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from authentication.tests.browsers import administrator
from exchange.corporate import processing
from exchange.models import CorporateAction, Entitlement, TimeInForce
from exchange.tests.administrators import (
    ACTIONS,
    clerk,
    confirmed,
    dividend,
    enter,
    split,
    words,
)
from exchange.tests.corporate.actions import announce_dividend, announce_split
from exchange.tests.market import (
    NOW,
    balance,
    give,
    make_bond,
    make_customer,
    make_instrument,
    place,
    set_quote,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

TWO_DAYS = timedelta(days=2, hours=2)  # after NOW, on the ex-date of the forms


def test_a_dividend_is_shown_with_holders_and_cash_before_it_is_saved(root, aapl):
    alice, bob = make_customer(), make_customer("bob@example.com")
    place(alice, "buy", "20")
    place(bob, "buy", "3")

    look = root.post(f"{ACTIONS}add/", dividend(aapl))

    shown = words(look)
    assert "AAPL" in shown
    assert "Holders 2" in shown
    assert "Shares 23.000000" in shown
    assert "Price of a share 190.00" in shown
    assert "Cash to be paid $5.75" in shown
    assert "alice@example.com 20.000000 5.00 bob@example.com 3.000000 0.75" in shown
    assert not CorporateAction.objects.exists()

    assert root.post(f"{ACTIONS}add/", confirmed(look)).status_code == 302

    action = CorporateAction.objects.get()
    assert action.amount == Decimal("0.25")
    assert action.entered_by.email == "root@example.com"
    assert not action.awaits_approval
    processing.run(now=NOW + TWO_DAYS)
    assert balance(alice)[0] == Decimal(10000) - 20 * Decimal("190.02") + 5


def test_a_split_is_shown_with_shares_prices_and_orders_before_it_is_saved(root, aapl):
    alice = make_customer()
    place(alice, "buy", "20")
    place(alice, "sell", "5", limit="210.00", time_in_force=TimeInForce.GTC)
    place(alice, "buy", "0.000001", limit="20.00", time_in_force=TimeInForce.GTC)

    look = root.post(f"{ACTIONS}add/", split(aapl, "1", "10"))

    shown = words(look)
    assert "1 new for 10 old shares" in shown
    assert "Shares of customers 20.000000 → 2.000000" in shown.replace("&rarr;", "→")
    assert "Price 190.00 → 1900.00" in shown.replace("&rarr;", "→")
    assert "Worth of these shares $3,800.00" in shown
    assert "2, of which 1 will be canceled" in shown
    assert "alice@example.com 20.000000 2.000000" in shown
    assert "sell 5.000000 limit 210.00 sell 0.500000 limit 2100.00" in shown
    assert "buy 0.000001 limit 20.00 canceled" in shown
    assert not CorporateAction.objects.exists()


def test_only_what_was_seen_can_be_confirmed_by_whoever_saw_it(root, aapl):
    fields = confirmed(root.post(f"{ACTIONS}add/", dividend(aapl)))
    other = administrator("other@example.com")

    for client, sent in (
        (root, {**fields, "amount": "99.00"}),
        (other, fields),
        (root, {**fields, "_confirmed": "yes"}),
    ):
        answer = client.post(f"{ACTIONS}add/", sent)
        assert "Is this what it should do?" in words(answer)
        assert not CorporateAction.objects.exists()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"amount": "9999999"}, "no less than the share is worth: AAPL is at 190.00"),
        ({"amount": "190"}, "no less than the share is worth"),
        ({"amount": ""}, "corporate_action_amount_or_ratio"),
        ({"amount": "-1"}, "corporate_action_amount_or_ratio"),
        ({"kind": "split", "new_shares": "2"}, "corporate_action_amount_or_ratio"),
        ({"kind": "coupon"}, "Select a valid choice"),
        ({"payable_date": "2026-03-03"}, "corporate_action_pays_after_ex_date"),
        ({"ex_date": "2020-03-04"}, "has passed; in New York it is 2026-03-02"),
        ({"ex_date": "2026-03-01"}, "has passed"),
        ({"ex_date": "2062-03-04", "payable_date": "2062-03-04"}, "more than a year away"),
        ({"payable_date": "2062-03-04"}, "more than a year after"),
    ],
)
def test_an_administrator_cannot_enter_nonsense(root, aapl, form, message):
    answer = root.post(f"{ACTIONS}add/", dividend(aapl, **form))

    assert answer.status_code == 200
    assert message in words(answer)
    assert not CorporateAction.objects.exists()


@pytest.mark.parametrize(
    ("new", "old", "changes", "message"),
    [
        ("1000000000", "1", {}, "At most 100 new shares for one old"),
        ("1", "1000000000", {}, "At most 100 new shares for one old"),
        ("101", "1", {}, "At most 100 new shares for one old"),
        ("3", "3", {}, "That changes nothing."),
        ("0", "1", {}, "corporate_action_amount_or_ratio"),
        ("2", "1", {"payable_date": "2026-03-05"}, "A split is carried out on its ex-date."),
        ("2", "1", {"ex_date": "2020-06-01", "payable_date": "2020-06-01"}, "has passed"),
    ],
)
def test_an_administrator_cannot_enter_a_split_that_is_none(root, aapl, new, old, changes, message):
    answer = root.post(f"{ACTIONS}add/", split(aapl, new, old, **changes))

    assert answer.status_code == 200
    assert message in words(answer)
    assert not CorporateAction.objects.exists()


def test_a_split_to_a_price_that_is_no_price_is_refused(root):
    penny = make_instrument("PNY")
    set_quote(penny, "0.50", "0.51")
    dear = make_instrument("DEAR")
    set_quote(dear, "200000.00", "200000.01")

    for form in (split(penny, "100", "1"), split(dear, "1", "100")):
        answer = root.post(f"{ACTIONS}add/", form)
        assert "where nobody can trade" in words(answer)
    assert not CorporateAction.objects.exists()


def test_without_a_price_nothing_can_be_compared(root):
    answer = root.post(f"{ACTIONS}add/", dividend(make_instrument("NEW")))

    assert "NEW has no price yet" in words(answer)


def test_what_a_bond_pays_is_not_for_an_administrator_to_enter(root):
    answer = root.post(f"{ACTIONS}add/", dividend(make_bond()))

    assert "announced by itself" in words(answer)
    assert not CorporateAction.objects.exists()


def test_one_of_a_kind_and_date_is_enough(root, aapl):
    enter(root, dividend(aapl))

    answer = root.post(f"{ACTIONS}add/", dividend(aapl, amount="0.50"))

    assert answer.status_code == 200
    assert "change that one" in words(answer)
    assert CorporateAction.objects.get().amount == Decimal("0.25")


def test_an_action_may_be_changed_or_deleted_until_it_is_carried_out(root, aapl):
    enter(root, split(aapl, "2", "1"))
    action = CorporateAction.objects.get()
    page = f"{ACTIONS}{action.pk}/"

    enter(root, split(aapl, "3", "1"), f"{page}change/")
    action.refresh_from_db()
    assert action.new_shares == 3
    assert root.get(f"{page}change/").status_code == 200

    assert len(processing.run(now=NOW + TWO_DAYS)) == 1  # nobody holds any
    assert root.post(f"{page}change/", split(aapl, "4", "1")).status_code == 403
    assert root.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [str(action.pk)], "post": "yes"}
    assert root.post(ACTIONS, selected).status_code == 403
    assert CorporateAction.objects.filter(new_shares=3).exists()

    enter(root, dividend(aapl, ex_date="2026-03-05", payable_date="2026-03-05"))
    late = CorporateAction.objects.get(kind="dividend")
    assert root.post(f"{ACTIONS}{late.pk}/delete/", {"post": "yes"}).status_code == 302
    assert CorporateAction.objects.get() == action


def test_what_was_paid_is_shown_in_shares_and_dollars(root, aapl):
    alice = make_customer()
    place(alice, "buy", "2")
    enter(root, dividend(aapl))
    processing.run(now=NOW + TWO_DAYS)

    page = f"{ACTIONS}{CorporateAction.objects.get().pk}/change/"

    assert "alice@example.com 2.000000 2.000000 0.50" in words(root.get(page))
    assert Entitlement.objects.get().cents == 50
    assert root.post(page, dividend(aapl, amount="9.99")).status_code == 403


def test_who_may_not_add_is_shown_nothing(aapl):
    viewer = clerk("viewer@example.com", "view")

    assert viewer.post(f"{ACTIONS}add/", dividend(aapl)).status_code == 403
    assert not CorporateAction.objects.exists()


def test_who_entered_and_changed_what_is_in_the_history(root, aapl):
    enter(root, dividend(aapl))
    action = CorporateAction.objects.get()
    enter(root, dividend(aapl, amount="0.26"), f"{ACTIONS}{action.pk}/change/")

    told = [str(entry) for entry in LogEntry.objects.filter(object_id=str(action.pk))]

    assert len(told) == 2
    assert set(LogEntry.objects.values_list("user__email", flat=True)) == {"root@example.com"}
    assert "Changed" in " ".join(told)
    assert root.get(f"{ACTIONS}{action.pk}/history/").status_code == 200


def test_a_failure_is_shown_and_not_tried_again_by_itself(root, aapl, caplog, capsys):
    alice = make_customer()
    msft = make_instrument("MSFT")
    set_quote(msft, "300.00", "300.02")
    place(alice, "buy", "2")
    place(alice, "buy", "2", symbol="MSFT")
    failing = announce_split(
        aapl, 1, 1_000_000, ex_date=date(2026, 3, 3)
    )  # to a price above all bounds
    day = date(2026, 3, 4)
    after, other = [announce_dividend(each, "0.25", ex_date=day) for each in (aapl, msft)]

    assert [done.action for done in processing.run(now=NOW + TWO_DAYS)] == [other]
    assert processing.run(now=NOW + TWO_DAYS + timedelta(minutes=1)) == []

    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    failing.refresh_from_db()
    assert failing.state == "failed"
    assert "failed" in words(root.get(ACTIONS))
    assert "above 10000000" in words(root.get(ACTIONS))
    call_command("run_corporate_actions")
    assert "split of AAPL on 2026-03-03: failed. ValueError" in capsys.readouterr().out
    page = f"{ACTIONS}{failing.pk}/"
    assert "above 10000000" in words(root.get(f"{page}change/"))
    assert "which failed" in words(root.get(f"{ACTIONS}{after.pk}/change/"))

    assert "above 10000000" in words(root.get(f"{page}retry/"))
    assert root.post(f"{page}retry/").status_code == 302
    failing.refresh_from_db()
    assert failing.state == "to come"
    assert processing.run(now=NOW + TWO_DAYS) == []
    failing.refresh_from_db()
    assert failing.state == "failed"

    assert root.post(f"{page}delete/", {"post": "yes"}).status_code == 302
    assert [done.action for done in processing.run(now=NOW + TWO_DAYS)] == [after]


def test_a_dividend_that_fails_blocks_nothing(aapl):
    alice = make_customer()
    give(alice, aapl.asset, "9000000000000")
    # More than the ledger can count.
    first = announce_dividend(aapl, "9999999999", ex_date=date(2026, 3, 3))
    second = announce_dividend(aapl, "0.0001", ex_date=date(2026, 3, 4))

    assert [done.action for done in processing.run(now=NOW + TWO_DAYS)] == [second]
    first.refresh_from_db()
    assert first.state == "failed"
