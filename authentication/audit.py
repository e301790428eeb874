"""The audit log: every security event and every change by staff, written with what it is about.

`record` is called inside the transaction of what happened, so neither is there without the other,
and no transaction waits for another's. After the commit the event gets its link in the hash chain
(`authentication.audit_links`). docs/audit.md lists the events.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from authentication import audit_links
from authentication.models import AuditEvent, UnlinkedAuditEvent, User
from authentication.rules import audit_values
from be.kernel import addresses, request_context
from be.kernel.identifiers import uuid7
from be.logs import events

MAX_USER_AGENT_LENGTH = 255


def record(
    event: str,
    *,
    actor: User | UUID | None,
    subject: User | UUID | None,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **details: object,
) -> None:
    """Write that `actor` did something to the account of `subject`, and log it after the commit.

    `event` is one of docs/audit.md, in words of the past: "password changed". `before` and `after`
    are the values that were changed. The client's address, its agent and the request id are those
    of the request at hand. Values whose names say that they are secret are hidden; nevertheless
    pass none.
    """
    who, whose = _id(actor), _id(subject)
    known = audit_values.plain(details)
    context = request_context.current()
    address = addresses.parse(context.client)
    with transaction.atomic(savepoint=False):
        written = AuditEvent.objects.create(
            id=uuid7(at),
            event=event,
            actor_id=who,
            subject_id=whose,
            at=at,
            client=None if address is None else str(address),
            user_agent=audit_values.text(context.user_agent)[:MAX_USER_AGENT_LENGTH],
            request_id=context.request_id,
            before=None if before is None else audit_values.plain(before),
            after=None if after is None else audit_values.plain(after),
            details=known,
        )
        UnlinkedAuditEvent.objects.create(event=written)
        _log(written)
        transaction.on_commit(audit_links.link_waiting, robust=True)


def _id(user: User | UUID | None) -> UUID | None:
    return user.pk if isinstance(user, User) else user


def _log(event: AuditEvent) -> None:
    who, whose = event.actor_id, event.subject_id
    fields: dict[str, object] = {
        "user_id": whose,
        "actor_id": None if who == whose else who,
        "client": event.client,
        **event.details,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    events.log_on_commit(event.event, **given)
