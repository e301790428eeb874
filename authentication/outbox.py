"""The outbox: mails that were asked for, in the database until a mail server has taken them.

A request posts a row in its own transaction, and answers without waiting for any mail server. So a
mail is asked for exactly if the rest of the request was done, none is lost with a process, and the
time of an answer does not depend on whether there is anything to send: whether somebody has the
address is looked up by whoever sends (authentication/mailing.py).
"""

import threading
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from authentication.models import OutgoingMail
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal

# A process that has claimed a mail has so long to send it; then another one tries.
CLAIM = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)

# Set when this process has posted a mail, so that its own sender need not wait for its next look.
posted = threading.Event()


class Kind(StrEnum):
    """What a mail is about; the name of its templates, too."""

    SIGN_UP = "sign_up"
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    CHANGE_EMAIL = "change_email"
    EMAIL_CHANGED = "email_changed"


class SendsNoMail(Refusal):
    """The server has no way to send mail (EMAIL_URL), so what needs one can't be done."""

    code = "sends_no_mail"
    title = "This server sends no mail"

    def __init__(self) -> None:
        super().__init__("This server sends no mail; ask whoever runs it.")


def require_mail() -> None:
    """Raise SendsNoMail where no mail can be sent. The same for everybody who asks."""
    if not settings.SENDS_MAIL:
        raise SendsNoMail


def post(*, kind: Kind, address: str, now: datetime, user_id: uuid.UUID | None = None) -> None:
    """Ask for a mail, within the caller's transaction. Where no mail is sent, nothing is done."""
    if not settings.SENDS_MAIL:
        return
    OutgoingMail.objects.create(
        id=uuid7(now), kind=kind, address=address, user_id=user_id, created_at=now, due_at=now
    )
    transaction.on_commit(posted.set)


def claim(now: datetime) -> OutgoingMail | None:
    """A mail that is due, for this process alone to send; None if there is none.

    It is due again later, should this process die before `done` or `failed`.
    """
    while True:
        mail = OutgoingMail.objects.filter(due_at__lte=now).order_by("due_at", "id").first()
        if mail is None:
            return None
        mine = OutgoingMail.objects.filter(pk=mail.pk, tries=mail.tries)
        if mine.update(due_at=now + CLAIM, tries=mail.tries + 1):
            mail.tries += 1
            return mail


def done(mail: OutgoingMail) -> None:
    """It was sent, or there is nothing to send."""
    OutgoingMail.objects.filter(pk=mail.pk).delete()


def failed(mail: OutgoingMail, now: datetime) -> bool:
    """Try again later, and later each time; False if it was given up after GIVE_UP_AFTER."""
    if now - mail.created_at > GIVE_UP_AFTER:
        done(mail)
        return False
    pause = min(timedelta(seconds=5 * 2 ** min(mail.tries, 10)), LONGEST_PAUSE)
    OutgoingMail.objects.filter(pk=mail.pk).update(due_at=now + pause)
    return True
