"""The audit log as a whole: read in order, exported, and proved against its chain.

Everything here goes through the log in pages, so that its length costs no memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from authentication import audit_links
from authentication.models import AuditEvent, AuditLink, UnlinkedAuditEvent
from authentication.rules import audit_chain

PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The log is whole: so many links, the last of which has this hash. Note it elsewhere."""

    links: int
    last_hash: str


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first place where the log is not as it was written, in the chain or beside it (None)."""

    sequence: int | None
    what: str


def verify(*, expected_hash: str | None = None) -> Verified | Broken:
    """Link what waits, then compute the whole chain anew.

    A changed or removed event, a removed or changed link, and an event without a link break it.
    Removed links at the end don't, unless the hash of one of them is expected: one that was noted
    when the log was verified before.
    """
    audit_links.link_all()
    sequence, last_hash = 0, audit_chain.GENESIS
    found_expected = expected_hash in (None, audit_chain.GENESIS)
    for link in _links():
        sequence += 1
        if broken := _broken(link, sequence, last_hash):
            return broken
        last_hash = link.hash
        found_expected = found_expected or link.hash == expected_hash
    if broken := _unlinked():
        return broken
    if not found_expected:
        return Broken(
            sequence=None,
            what=f"no link has the expected hash {expected_hash}: links at the end were removed, "
            f"or the chain was made anew; it ends with link {sequence}",
        )
    return Verified(links=sequence, last_hash=last_hash)


def export(
    *, since: datetime | None = None, until: datetime | None = None, subject_id: UUID | None = None
) -> Iterator[dict[str, Any]]:
    """Events in the order of their links, each with its place in the chain.

    Those of `since` or later, of before `until`, and of this subject; each may be left out.
    """
    audit_links.link_all()
    chosen: dict[str, Any] = {}
    if since is not None:
        chosen["event__at__gte"] = since
    if until is not None:
        chosen["event__at__lt"] = until
    if subject_id is not None:
        chosen["event__subject_id"] = subject_id
    for link in _links(**chosen):
        yield {
            "sequence": link.sequence,
            "previous_hash": link.previous_hash,
            "hash": link.hash,
            "event": audit_links.document(link.event),
        }


def _links(**chosen: Any) -> Iterator[AuditLink]:
    """The links with their events, page by page. An event that is gone comes as None."""
    last = 0
    while True:
        page = list(
            AuditLink.objects.filter(sequence__gt=last, **chosen).order_by("sequence")[:PAGE]
        )
        events = AuditEvent.objects.in_bulk([link.event_id for link in page])
        for link in page:
            link._state.fields_cache["event"] = events.get(link.event_id)
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].sequence


def _broken(link: AuditLink, sequence: int, last_hash: str) -> Broken | None:
    if link.sequence != sequence:
        return Broken(sequence=sequence, what=f"link {sequence} is missing")
    if link.previous_hash != last_hash:
        return Broken(sequence=sequence, what=f"link {sequence} does not follow the link before it")
    event = link._state.fields_cache["event"]
    if event is None:
        return Broken(
            sequence=sequence, what=f"event {link.event_id} of link {sequence} is missing"
        )
    computed = audit_chain.link_hash(
        sequence=sequence, previous_hash=last_hash, event=audit_links.document(event)
    )
    if computed != link.hash:
        return Broken(
            sequence=sequence,
            what=f"event {event.pk} of link {sequence}, or the link, was changed",
        )
    return None


def _unlinked() -> Broken | None:
    """An event that neither has a link nor waits for one: in one statement, so at one moment."""
    linked = AuditLink.objects.filter(event_id=OuterRef("pk"))
    waiting = UnlinkedAuditEvent.objects.filter(event_id=OuterRef("pk"))
    stray = AuditEvent.objects.filter(~Exists(linked), ~Exists(waiting)).order_by("pk").first()
    if stray is None:
        return None
    return Broken(sequence=None, what=f"event {stray.pk} has no link: it was inserted by hand")
