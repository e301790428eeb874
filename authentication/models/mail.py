"""The table of mails that are still to be sent."""

from django.db import models

from authentication.models.users import new_id


class OutgoingMail(models.Model):
    """A mail that is still to be sent; the row goes once a mail server has taken it.

    It has no text: a mail is written when it is sent, so that no link that lets somebody in is ever
    stored. `kind` is an `authentication.outbox.Kind`, and `user_id` whom the mail is about, where
    the request knew. Whoever sends it first puts `due_at` off, so that one process sends it, and
    another one tries again if that process dies.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=32)
    address = models.EmailField()
    user_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.kind} of {self.created_at:%Y-%m-%d %H:%M}"
