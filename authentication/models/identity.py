"""The tables of identity applications and their documents."""

from typing import ClassVar

from django.db import models

from authentication.models.users import User
from authentication.rules.identity import DocumentKind, IdentityStatus


class IdentityApplication(models.Model):
    """What a customer states of themselves, and what became of it (`authentication.identity`).

    `tax_id_encrypted` is bound to this row. `documents_asked` are the kinds of which one is wanted.
    `ask_again_at` is when the provider is asked again; null while staff or nobody decides.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="identity_applications", db_index=False
    )
    first_name = models.CharField(max_length=150)
    last_name = models.CharField(max_length=150)
    birth_date = models.DateField()
    street = models.CharField(max_length=200)
    city = models.CharField(max_length=100)
    region = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20)
    country = models.CharField(max_length=2)
    tax_id_encrypted = models.BinaryField()
    tax_id_last4 = models.CharField(max_length=4)
    status = models.CharField(
        max_length=20, choices=[(status.value, status.value) for status in IdentityStatus]
    )
    reason = models.CharField(max_length=500, blank=True)
    documents_asked = models.JSONField(default=list)
    ask_again_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        permissions: ClassVar = [("decide_identity", "Can approve and refuse identities")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"],
                condition=~models.Q(status=IdentityStatus.REFUSED.value),
                name="identity_application_open_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "id"], name="identity_by_user"),
            models.Index(
                fields=["ask_again_at"],
                condition=models.Q(ask_again_at__isnull=False),
                name="identity_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.created_at:%Y-%m-%d}"


class IdentityDocument(models.Model):
    """A document of an application; the name of its file is not kept.

    `content_encrypted` is bound to this row.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    application = models.ForeignKey(
        IdentityApplication, on_delete=models.PROTECT, related_name="documents"
    )
    kind = models.CharField(
        max_length=20, choices=[(kind.value, kind.value) for kind in DocumentKind]
    )
    media_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField(help_text="In bytes.")
    content_encrypted = models.BinaryField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} ({self.media_type})"
