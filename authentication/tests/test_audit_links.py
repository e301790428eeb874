"""How events get their links: after the commit, one chain, whoever writes."""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from authentication import audit, audit_links, audit_log
from authentication.audit_log import Verified
from authentication.models import AuditEvent, AuditLink, UnlinkedAuditEvent
from authentication.rules import audit_chain
from exchange.tests.server import ROOT

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


def record(event: str, seconds: int = 0) -> None:
    audit.record(event, actor=None, subject=None, at=NOW + timedelta(seconds=seconds))


def test_each_link_seals_its_event_and_the_link_before():
    for second, event in enumerate(("first", "second", "third")):
        record(event, second)
    links = list(AuditLink.objects.select_related("event").order_by("sequence"))
    assert [(link.sequence, link.event.event) for link in links] == [
        (1, "first"),
        (2, "second"),
        (3, "third"),
    ]
    before = audit_chain.GENESIS
    for link in links:
        assert link.previous_hash == before
        assert link.hash == audit_chain.link_hash(
            sequence=link.sequence,
            previous_hash=before,
            event=audit_links.document(link.event),
        )
        before = link.hash
    assert not UnlinkedAuditEvent.objects.exists()


def test_an_event_waits_for_the_end_of_its_transaction():
    with transaction.atomic():
        record("first")
        assert not AuditLink.objects.exists()
        record("second", 1)
    assert AuditLink.objects.count() == 2


def test_what_a_crash_left_waiting_is_linked_with_the_next_event(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(audit_links, "_link_some", lambda: False)  # the process dies here
        record("first")
    assert (AuditLink.objects.count(), UnlinkedAuditEvent.objects.count()) == (0, 1)
    record("second", 1)
    assert (AuditLink.objects.count(), UnlinkedAuditEvent.objects.count()) == (2, 0)


def test_a_link_that_fails_takes_nothing_from_what_was_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail() -> bool:
        raise RuntimeError("no link")

    with monkeypatch.context() as patch:
        patch.setattr(audit_links, "_link_some", fail)
        record("first")
    assert "no link" in caplog.text
    assert UnlinkedAuditEvent.objects.count() == 1


def test_more_events_than_are_linked_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_links, "AT_ONCE", 2)
    with transaction.atomic():
        for second in range(9):
            record(f"event {second}", second)
    assert AuditLink.objects.count() == 9


def test_nobody_links_the_events_of_others_for_long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_links, "AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(audit_links, "link_waiting", lambda: None)
        patch.setattr(audit_links, "_link_some", lambda: False)
        for second in range(9):
            record(f"event {second}", second)
    audit_links.link_waiting()
    assert AuditLink.objects.count() == audit_links.ROUNDS
    audit_links.link_all()
    assert AuditLink.objects.count() == 9


@pytest.mark.servers
def test_an_event_that_is_committed_while_another_links_is_not_left_waiting(
    monkeypatch: pytest.MonkeyPatch, is_postgresql: bool
):
    """It is committed after the other has read what waits, and before it gives back the lock."""
    if not is_postgresql:
        pytest.skip("on SQLite nobody commits while another links")
    read_and_locked, went_on = threading.Event(), threading.Event()
    document = audit_links.document

    def slowly(event: object) -> object:
        if not read_and_locked.is_set():
            read_and_locked.set()
            assert went_on.wait(10)
        return document(event)  # type: ignore[arg-type]

    monkeypatch.setattr(audit_links, "document", slowly)

    def first() -> None:
        record("first")
        connection.close()

    worker = threading.Thread(target=first)
    worker.start()
    assert read_and_locked.wait(10)
    record("second", 1)
    assert AuditLink.objects.count() == 0  # the other has the lock, and this one went on
    went_on.set()
    worker.join(10)
    assert (AuditLink.objects.count(), UnlinkedAuditEvent.objects.count()) == (2, 0)


@pytest.mark.servers
def test_eight_processes_that_write_at_once_make_one_chain_and_lose_nothing():
    processes, events = 8, 25
    with ExitStack() as stack:
        writers = [stack.enter_context(writing(str(name), events)) for name in range(processes)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.close()
        assert [writer.wait(120) for writer in writers] == [0] * processes
    found = audit_log.verify()
    assert isinstance(found, Verified), found
    assert found.links == processes * events
    written = set(AuditEvent.objects.values_list("event", flat=True))
    assert written == {f"{name}-{n}" for name in range(processes) for n in range(events)}


def writing(name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "authentication.tests.audit_writer", name, str(count)],
        cwd=ROOT,
        env={**os.environ, **database_environment(), "DJANGO_SETTINGS_MODULE": "be.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def database_environment() -> dict[str, str]:
    """The tests' own database, for a process of its own."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        # A long wait: the processes write one after the other.
        return {"DATABASE_URL": f"sqlite:///{known['NAME']}", "SQLITE_LOCK_SECONDS": "60"}
    user = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    place = f"{known['HOST']}:{known['PORT'] or 5432}"
    return {"DATABASE_URL": f"postgresql://{user}@{place}/{known['NAME']}"}
