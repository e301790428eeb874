"""What staff do to a customer: with a reason, in the audit log, and only when it is time."""

from datetime import timedelta

import pytest
from django.urls import reverse

from authentication.models import AuditEvent, Session, User
from authentication.tests.api_client import signed_in, signed_in_client
from authentication.tests.second_factors import set_up_app
from be.desk.tests.conftest import desk_of
from be.desk.tests.test_story import page_of, words
from exchange.models import OPEN_STATUSES
from exchange.tests import market
from exchange.tests.market import NOW


def address(customer, name):
    return reverse(f"admin:desk_customer_{name}", args=[customer.pk])


def step(client, customer, name, reason="Because they asked for it"):
    return client.post(address(customer, name), {"reason": reason})


def test_ending_all_sessions_asks_for_a_reason_and_is_in_the_history(everything):
    client = desk_of("support")
    url = reverse("admin:desk_customer_end-sessions", args=[everything.alice.pk])
    assert url in page_of(client, everything.alice)
    assert "1 sessions end at once" in client.get(url).content.decode()

    assert step(client, everything.alice, "end-sessions", reason="  ").status_code == 200
    assert Session.objects.filter(ended_at=None).exists()

    assert step(client, everything.alice, "end-sessions", reason="A lost phone").status_code == 302
    session = everything.alice.sessions.get()
    assert session.end_reason == "ended_by_admin"
    history = client.get(reverse("admin:desk_customer_history", args=[everything.alice.pk]))
    assert "A lost phone" in history.content.decode()
    assert url not in page_of(client, everything.alice), "nothing is left to end"


def test_who_has_more_rights_is_left_alone(everything):
    boss = User.objects.create_superuser("boss@example.com", "a long enough pass-phrase")
    signed_in(boss)

    answer = step(desk_of("support"), boss, "end-sessions", reason="Because")

    assert answer.status_code == 302
    assert boss.sessions.get().ended_at is None


def test_a_session_that_has_run_out_is_not_live(root, everything):
    everything.alice.sessions.update(expires_at=NOW - timedelta(seconds=1))

    assert "expired" in words(page_of(root, everything.alice))


def test_a_customer_is_frozen_their_orders_canceled_and_unfrozen_again(everything):
    alice, support, compliance = everything.alice, desk_of("support"), desk_of("compliance")
    trading = signed_in_client(alice)

    assert step(support, alice, "freeze", reason="A stolen phone").status_code == 302

    alice.refresh_from_db()
    assert alice.is_frozen
    assert "Frozen since 2026-03-02 15:00:00" in words(page_of(support, alice))
    order = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
    refused = trading.post("/api/exchange/api/v1/orders/", order)
    assert (refused.status_code, refused.json()["code"]) == (403, "account_frozen")
    assert alice.orders.filter(status__in=OPEN_STATUSES).exists()

    step(support, alice, "cancel-orders")
    assert not alice.orders.filter(status__in=OPEN_STATUSES).exists()
    assert step(support, alice, "unfreeze").status_code == 403
    alice.refresh_from_db()
    assert alice.is_frozen

    step(compliance, alice, "unfreeze", reason="The phone was found")
    alice.refresh_from_db()
    assert not alice.is_frozen
    market.assert_books_are_right()


def test_each_step_is_in_the_audit_log_with_who_whom_and_why(everything):
    alice, desk = everything.alice, desk_of("compliance")
    for name in ("freeze", "cancel-orders", "unfreeze", "end-sessions"):
        step(desk, alice, name, reason=f"For a test of {name}")

    staff = User.objects.get(email="compliance@example.com")
    told = AuditEvent.objects.filter(actor=staff, subject=alice).order_by("pk")
    told = told.exclude(event="changed by staff")
    assert [(row.event, row.details["reason"]) for row in told] == [
        ("account frozen", "For a test of freeze"),
        ("orders canceled", "For a test of cancel-orders"),
        ("account unfrozen", "For a test of unfreeze"),
        ("sessions ended", "For a test of end-sessions"),
    ]


@pytest.mark.parametrize("name", ["unfreeze", "cancel-orders"])
def test_what_is_not_possible_now_is_refused(everything, name):
    desk = desk_of("compliance")

    answer = desk.post(address(everything.alice, name), {"reason": "Because"}, follow=True)

    assert "not the time for that" in answer.content.decode()
    assert alice_is_as_before(everything.alice)


def alice_is_as_before(alice):
    alice.refresh_from_db()
    return not alice.is_frozen and alice.orders.filter(status__in=OPEN_STATUSES).exists()


def test_a_step_is_done_once(everything):
    desk = desk_of("support")
    step(desk, everything.alice, "freeze")
    events = AuditEvent.objects.count()

    step(desk, everything.alice, "freeze")

    assert AuditEvent.objects.count() == events


def test_a_page_that_asks_changes_nothing(everything):
    desk, events = desk_of("compliance"), AuditEvent.objects.count()

    for name in ("freeze", "end-sessions"):
        assert desk.get(address(everything.alice, name)).status_code == 200

    assert AuditEvent.objects.count() == events
    assert alice_is_as_before(everything.alice)


def test_lost_second_factors_are_removed(everything):
    alice = everything.alice
    set_up_app(signed_in_client(alice), NOW)
    alice.refresh_from_db()
    assert alice.has_second_factor
    support = desk_of("support")
    assert "Second factor app" in words(page_of(support, alice))

    step(support, alice, "reset-factors", reason="They lost their phone and showed a passport")

    alice.refresh_from_db()
    assert not alice.has_second_factor
    event = AuditEvent.objects.get(event="factors reset")
    assert event.details["reason"] == "They lost their phone and showed a passport"
    assert address(alice, "reset-factors") not in page_of(support, alice)
