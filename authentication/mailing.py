"""Sending what is in the outbox, a mail at a time, by whichever process looks first.

A mail is sent at least once: should a process die between the mail server's answer and the delete,
another one sends it again.
"""

import logging
import smtplib
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from authentication import mails, outbox
from be.logs import events

logger = logging.getLogger(__name__)


def send_due(clock: Callable[[], datetime]) -> tuple[int, int]:
    """Send every mail that is due. Returns how many were sent, and how many have to wait."""
    sent = waiting = 0
    while (row := outbox.claim(clock())) is not None:
        mail = mails.compose(row, clock())
        try:
            if mail is not None:
                _send(mail)
        except (OSError, smtplib.SMTPException) as error:
            waiting += 1
            if outbox.failed(row, clock()):
                logger.warning("a mail was not taken (%s); trying again later", _kind(error))
            else:
                logger.error("a mail was given up: %s, id %s", row.kind, row.pk)
            continue
        outbox.done(row)
        if mail is not None:
            sent += 1
            events.log("mail sent", kind=row.kind, mail_id=row.pk)
    return sent, waiting


def _kind(error: Exception) -> str:
    """What went wrong, without the mail server's words: they may repeat the address."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _send(mail: mails.Mail) -> None:
    message = EmailMultiAlternatives(
        subject=mail.subject, body=mail.text, from_email=settings.EMAIL_FROM, to=[mail.address]
    )
    message.attach_alternative(mail.html, "text/html")
    message.send()
