"""verify_audit_log finds whatever was done to the log by hand; export_audit_log shows all of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from authentication import audit, audit_links, audit_log
from authentication.models import AuditEvent, AuditLink, UnlinkedAuditEvent, User
from authentication.rules import audit_chain
from authentication.tests.factories import UserFactory
from be.database import immutability

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TABLES = ("authentication_auditevent", "authentication_auditlink")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice() -> User:
    return UserFactory.create(email="alice@example.com")


@pytest.fixture
def log(alice: User) -> list[AuditEvent]:
    """Five events: of Alice, of nobody, of Alice, of nobody, of Alice."""
    for number in range(5):
        audit.record(
            f"event {number}",
            actor=None,
            subject=None if number % 2 else alice,
            at=NOW + timedelta(minutes=number),
            after={"number": number},
        )
    return list(AuditEvent.objects.order_by("at"))


@contextmanager
def unguarded() -> Iterator[Any]:
    """As somebody who has the database's administrator's password: without its triggers."""
    on, off = _triggers()
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in off:
            cursor.execute(statement)
        yield cursor
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in on:
            cursor.execute(statement)


def _triggers() -> tuple[list[str], list[str]]:
    if connection.vendor == "postgresql":
        alter = "ALTER TABLE {table} {what} TRIGGER {table}_append_only"
        on = [alter.format(table=table, what="ENABLE") for table in TABLES]
        return on, [alter.format(table=table, what="DISABLE") for table in TABLES]
    on = [sql for table in TABLES for sql in immutability.sqlite_create(table)]
    return on, [sql for table in TABLES for sql in immutability.sqlite_drop(table)]


def verify(*options: str) -> str:
    out = StringIO()
    call_command("verify_audit_log", *options, stdout=out)
    return out.getvalue()


def export(*options: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("export_audit_log", *options, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_log_as_it_was_written_is_whole(log: list[AuditEvent]):
    last = AuditLink.objects.get(sequence=5)
    assert verify() == f"5 links verified; the last hash is {last.hash}\n"
    assert verify("--expect", last.hash) == verify()
    assert verify("--expect", AuditLink.objects.get(sequence=2).hash) == verify()


def test_an_empty_log_is_whole(db: None):
    assert verify() == f"0 links verified; the last hash is {audit_chain.GENESIS}\n"
    assert verify("--expect", audit_chain.GENESIS) == verify()


CHANGES = {
    "event": "event = 'signed in'",
    "actor": "actor_id = subject_id",
    "subject": "subject_id = NULL",
    "time": "at = '2020-01-01 00:00:00+00:00'",
    "client": "client = '192.0.2.1'",
    "agent": "user_agent = 'another'",
    "request": "request_id = 'another'",
    "before": "before = '{{}}'",
    "after": "after = '{{\"number\": 7}}'",
    "details": 'details = \'{{"by": "nobody"}}\'',
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_event_is_found(log: list[AuditEvent], change: str):
    with unguarded() as cursor:
        cursor.execute(
            f"UPDATE authentication_auditevent SET {change.format()} WHERE event = 'event 2'"  # noqa: S608
        )
    assert_broken(f"event {log[2].pk} of link 3, or the link, was changed")


def test_a_removed_event_is_found(log: list[AuditEvent]):
    with unguarded() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE authentication_auditlink DISABLE TRIGGER ALL")
            cursor.execute("ALTER TABLE authentication_auditevent DISABLE TRIGGER ALL")
            cursor.execute("DELETE FROM authentication_auditevent WHERE event = 'event 2'")
            cursor.execute("ALTER TABLE authentication_auditlink ENABLE TRIGGER ALL")
            cursor.execute("ALTER TABLE authentication_auditevent ENABLE TRIGGER ALL")
        else:
            cursor.execute("PRAGMA defer_foreign_keys = ON")
            cursor.execute("DELETE FROM authentication_auditlink WHERE sequence = 3")
            cursor.execute("DELETE FROM authentication_auditevent WHERE event = 'event 2'")
    expected = "event .* of link 3 is missing" if connection.vendor == "postgresql" else "link 3"
    with pytest.raises(CommandError, match=expected):
        verify()


def test_an_event_that_is_gone_is_found_by_its_link(log: list[AuditEvent], monkeypatch: Any):
    monkeypatch.setattr(AuditEvent.objects, "in_bulk", lambda ids: {})
    assert_broken(f"event {log[0].pk} of link 1 is missing")


@pytest.mark.parametrize("sequence", [1, 3])
def test_a_removed_link_is_found_with_its_event_or_without(log: list[AuditEvent], sequence: int):
    with unguarded() as cursor:
        cursor.execute("DELETE FROM authentication_auditlink WHERE sequence = %s", [sequence])
    assert_broken(f"link {sequence} is missing")
    with unguarded() as cursor:
        cursor.execute(
            "DELETE FROM authentication_auditevent WHERE event = %s", [f"event {sequence - 1}"]
        )
    assert_broken(f"link {sequence} is missing")


def test_a_link_that_was_made_anew_is_found(log: list[AuditEvent]):
    """The event and the hash of its link agree again; the next link names the old hash."""
    forged = audit_links.document(log[2]) | {"event": "nothing"}
    before = AuditLink.objects.get(sequence=2)
    forged_hash = audit_chain.link_hash(sequence=3, previous_hash=before.hash, event=forged)
    with unguarded() as cursor:
        cursor.execute(
            "UPDATE authentication_auditevent SET event = 'nothing' WHERE event = 'event 2'"
        )
        cursor.execute(
            "UPDATE authentication_auditlink SET hash = %s WHERE sequence = 3", [forged_hash]
        )
    assert_broken("link 4 does not follow the link before it")


def test_a_removed_tail_is_found_by_the_hash_that_was_noted(log: list[AuditEvent]):
    noted = AuditLink.objects.get(sequence=5).hash
    with unguarded() as cursor:
        cursor.execute("DELETE FROM authentication_auditlink WHERE sequence > 3")
        cursor.execute(
            "DELETE FROM authentication_auditevent WHERE event IN ('event 3', 'event 4')"
        )
    assert verify().startswith("3 links verified")  # it can't be known without the hash
    with pytest.raises(CommandError, match=f"no link has the expected hash {noted}.*link 3"):
        verify("--expect", noted)


def test_an_inserted_event_is_found(log: list[AuditEvent]):
    copy = AuditEvent.objects.get(event="event 2")
    copy.pk = uuid4()
    copy.save(force_insert=True)
    assert_broken(f"event {copy.pk} has no link: it was inserted by hand")


def test_an_event_that_waits_is_linked_first(alice: User, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(audit_links, "_link_some", lambda: False)  # the process dies here
        audit.record("event", actor=None, subject=alice, at=NOW)
    assert UnlinkedAuditEvent.objects.count() == 1
    assert verify().startswith("1 links verified")


def test_a_log_longer_than_a_page(log: list[AuditEvent], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_log, "PAGE", 2)
    assert verify().startswith("5 links verified")
    assert [line["sequence"] for line in export()] == [1, 2, 3, 4, 5]


def test_anybody_can_compute_the_chain_from_an_export(log: list[AuditEvent]):
    before = audit_chain.GENESIS
    for line in export():
        assert line["previous_hash"] == before
        before = audit_chain.link_hash(
            sequence=line["sequence"], previous_hash=before, event=line["event"]
        )
        assert line["hash"] == before


def test_an_export_shows_all_of_an_event(log: list[AuditEvent], alice: User):
    assert export()[0]["event"] == {
        "id": str(log[0].pk),
        "at": "2026-03-02T15:00:00.000000Z",
        "event": "event 0",
        "actor": None,
        "subject": str(alice.pk),
        "client": None,
        "user_agent": "",
        "request_id": "-",
        "before": None,
        "after": {"number": 0},
        "details": {},
    }


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--since", "2026-03-02T15:03:00Z"], [3, 4]),
        (["--until", "2026-03-02T15:03:00+00:00"], [0, 1, 2]),
        (["--since", "2026-03-02", "--until", "2026-03-03"], [0, 1, 2, 3, 4]),
        (["--since", "2026-03-03"], []),
        (["--subject", "ALICE@example.com"], [0, 2, 4]),
        (["--subject", "alice@example.com", "--since", "2026-03-02T15:01:00"], [2, 4]),
    ],
)
def test_a_part_can_be_exported(log: list[AuditEvent], options: list[str], numbers: list[int]):
    assert [line["event"]["after"]["number"] for line in export(*options)] == numbers


def test_a_subject_may_be_an_id_also_of_a_user_who_is_gone(log: list[AuditEvent], alice: User):
    whose = str(alice.pk)
    alice.delete()
    assert len(export("--subject", whose)) == 3


def test_an_unknown_subject_and_a_bad_time_are_refused(log: list[AuditEvent]):
    with pytest.raises(CommandError, match=r"No user has the e-mail bob@example\.com"):
        export("--subject", "bob@example.com")
    with pytest.raises(CommandError, match="--since"):
        export("--since", "yesterday")


def assert_broken(what: str) -> None:
    with pytest.raises(CommandError) as broken:
        verify()
    assert str(broken.value) == f"The audit log is broken: {what}."
