"""The table of answers to requests with an Idempotency-Key."""

from django.conf import settings
from django.db import models


class IdempotentRequest(models.Model):
    """A POST that carried an Idempotency-Key, and the answer that it got.

    `answer` is null while the request is being handled. The answer is written in the transaction
    that does the work, so there is never an effect without its answer or the other way round.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    claimed_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=64, default="")
    answer = models.TextField(null=True)  # noqa: DJ001 - null says "not answered yet"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="idempotent_request_once"),
        ]

    def __str__(self) -> str:
        return self.key
