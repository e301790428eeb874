"""The links of the audit log: events that were committed, sealed one after the other.

An event is written in the transaction of what it tells, and waits. After the commit whoever gets
the lock links all events that wait. A link thus never delays a transaction, and two of them never
name the same link before them. What a crash has left waiting, the next event or
`verify_audit_log` links.
"""

from typing import Any

from django.db import connection, transaction

from authentication.models import AuditEvent, AuditLink, UnlinkedAuditEvent
from authentication.rules import audit_chain
from be.kernel.formats import time_text

# So many events are linked in one transaction, and so many times in a row by one request: under a
# flood of events nobody links those of others for long. The next event's request goes on.
AT_ONCE = 200
ROUNDS = 3
# PostgreSQL's advisory lock of whoever links; any number that nothing else uses.
_LOCK = 0x41554449


def link_waiting() -> None:
    """Link the events that wait, or leave them to whoever is linking at this moment.

    Whoever links looks again after giving back the lock. So an event that was committed while
    another held it is not left waiting, unless there is a flood of them.
    """
    for _ in range(ROUNDS):
        if not (UnlinkedAuditEvent.objects.exists() and _link_some()):
            return


def link_all() -> None:
    """Link everything that waits by now, however much it is."""
    while UnlinkedAuditEvent.objects.exists() and _link_some():
        pass


def document(event: AuditEvent) -> dict[str, Any]:
    """What an export shows of an event, and what its link covers."""
    return {
        "id": str(event.pk),
        "at": time_text(event.at),
        "event": event.event,
        "actor": None if event.actor_id is None else str(event.actor_id),
        "subject": None if event.subject_id is None else str(event.subject_id),
        "client": event.client,
        "user_agent": event.user_agent,
        "request_id": event.request_id,
        "before": event.before,
        "after": event.after,
        "details": event.details,
    }


def newest() -> AuditLink | None:
    """The last link of the chain."""
    return AuditLink.objects.order_by("-sequence").first()


@transaction.atomic
def _link_some() -> bool:
    """Link some of the events that wait; False if another is at it."""
    if not _got_lock():
        return False
    waiting = UnlinkedAuditEvent.objects.select_related("event").order_by("event_id")[:AT_ONCE]
    events = [row.event for row in waiting]
    last = newest()
    sequence, last_hash = (last.sequence, last.hash) if last else (0, audit_chain.GENESIS)
    links = []
    for event in events:
        sequence += 1
        link_hash = audit_chain.link_hash(
            sequence=sequence, previous_hash=last_hash, event=document(event)
        )
        links.append(
            AuditLink(sequence=sequence, event=event, previous_hash=last_hash, hash=link_hash)
        )
        last_hash = link_hash
    AuditLink.objects.bulk_create(links)
    UnlinkedAuditEvent.objects.filter(event__in=events).delete()
    return True


def _got_lock() -> bool:
    """Until the end of the transaction. On SQLite every transaction that writes has such a lock."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
