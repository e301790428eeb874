"""What the audit log writes of an event, and when."""

import logging
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction

from authentication import audit
from authentication.models import AuditEvent, User
from be.kernel import request_context

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def from_a_request() -> None:
    request_context.begin(
        request_id="request-7", client="::ffff:192.0.2.7", user_agent="a browser \x00"
    )


def test_an_event_says_who_when_from_where_before_and_after(
    alice: User, bob: User, from_a_request: None
):
    audit.record(
        "frozen",
        actor=bob,
        subject=alice,
        at=NOW,
        before={"is_frozen": False},
        after={"is_frozen": True},
        reason="a court order",
    )
    event = AuditEvent.objects.get()
    assert (event.event, event.actor, event.subject, event.at) == ("frozen", bob, alice, NOW)
    assert (event.client, event.user_agent) == ("192.0.2.7", "a browser ")
    assert event.request_id == "request-7"
    assert (event.before, event.after) == ({"is_frozen": False}, {"is_frozen": True})
    assert event.details == {"reason": "a court order"}


def test_the_system_does_things_too(alice: User):
    request_context.begin(request_id=request_context.NO_REQUEST)
    audit.record("deposit completed", actor=None, subject=alice.pk, at=NOW)
    event = AuditEvent.objects.get()
    assert (event.actor, event.subject, event.client, event.request_id) == (None, alice, None, "-")
    assert (event.before, event.after, event.details) == (None, None, {})


def test_values_are_kept_as_plain_json(alice: User):
    transfer = uuid4()
    audit.record(
        "deposit completed",
        actor=alice,
        subject=alice,
        at=NOW,
        amount=Decimal("10.50"),
        transfer_id=transfer,
        settles_on=date(2026, 3, 4),
        asked_at=NOW,
        scopes=("read", "trade"),
        half="\ud800",
        nested={"count": 3, "rate": 0.5},
    )
    assert AuditEvent.objects.get().details == {
        "amount": "10.50",
        "transfer_id": str(transfer),
        "settles_on": "2026-03-04",
        "asked_at": "2026-03-02T15:00:00.000000Z",
        "scopes": ["read", "trade"],
        "half": "?",
        "nested": {"count": 3, "rate": "0.5"},
    }


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "refresh_token", "refresh_jti", "secret", "tax_id_encrypted"],
)
def test_what_is_named_like_a_secret_is_hidden_wherever_it_stands(alice: User, name: str):
    values = {name: "a canary", "deep": [{name: "a canary"}]}
    audit.record("x", actor=alice, subject=alice, at=NOW, before=values, after=values, **values)
    event = AuditEvent.objects.get()
    hidden = {name: "(hidden)", "deep": [{name: "(hidden)"}]}
    assert (event.before, event.after, event.details) == (hidden, hidden, hidden)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_neither_written_nor_logged(
    alice: User, caplog: pytest.LogCaptureFixture
):
    with transaction.atomic():
        audit.record("frozen", actor=None, subject=alice, at=NOW)
        transaction.set_rollback(True)
    assert not AuditEvent.objects.exists()
    assert "frozen" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_an_event_is_a_line_of_the_log_too(
    alice: User, bob: User, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, "brokerpro.events"):
        audit.record("frozen", actor=bob, subject=alice, at=NOW, before={"a": 1}, reason="order")
    (line,) = [each for each in caplog.records if each.name == "brokerpro.events"]
    assert (line.getMessage(), line.__dict__["fields"]) == (
        "frozen",
        {"user_id": str(alice.pk), "actor_id": str(bob.pk), "reason": "order"},
    )


@pytest.mark.django_db(transaction=True)
def test_events_outlive_the_users_that_they_name(alice: User, bob: User):
    audit.record("frozen", actor=bob, subject=alice, at=NOW)
    who, whose = bob.pk, alice.pk
    alice.delete()
    bob.delete()
    event = AuditEvent.objects.select_related("actor", "subject").get()
    assert (event.actor_id, event.subject_id) == (who, whose)
    assert (event.actor, event.subject) == (None, None)
