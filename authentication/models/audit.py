"""The tables of the audit log: events, the links that seal them, and events that wait for one."""

from typing import ClassVar

from django.db import models

from authentication.models.users import User


class AuditEvent(models.Model):
    """One line of the audit log: who did what to whom, when and from where. Never changed.

    `actor` is who did it (None: nobody who is signed in, or the system), `subject` whose account it
    is about. Both keep their ids when the user is deleted. `before` and `after` are values of what
    was changed, `details` all else; no secret is in any of them. `authentication.audit` writes it.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    event = models.CharField(max_length=64)
    # Rows outlive the users that they name, so no constraint of the database holds them to one.
    actor = models.ForeignKey(
        User,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    subject = models.ForeignKey(
        User,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    at = models.DateTimeField()
    client = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=255)
    request_id = models.CharField(max_length=128)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    details = models.JSONField()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["subject", "id"],
                condition=models.Q(subject__isnull=False),
                name="audit_event_by_subject",
            ),
            models.Index(
                fields=["actor", "id"],
                condition=models.Q(actor__isnull=False),
                name="audit_event_by_actor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} at {self.at:%Y-%m-%d %H:%M:%S}"


class AuditLink(models.Model):
    """Seals one event into the chain: `hash` covers the event and the link before. Never changed.

    Links are numbered from 1 without a gap, in the order in which events were committed.
    """

    sequence = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, related_name="link")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.sequence}: {self.hash}"


class UnlinkedAuditEvent(models.Model):
    """An event that waits for its link; the row is deleted when it has one."""

    event = models.OneToOneField(
        AuditEvent, primary_key=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"waits: {self.event_id}"
