"""Verifying an e-mail, resetting a password, changing an e-mail: all by links in mails.

To ask for a mail does the same work whether or not somebody has the address: it posts a row in the
outbox. Each link works once, also when requests race: the state that it is bound to changes in one
conditional UPDATE.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from authentication import attempts, audit, links, outbox, passwords, sessions
from authentication.links import InvalidLink, Purpose
from authentication.models import User
from authentication.outbox import Kind
from authentication.sessions import EndReason, WrongPassword
from be.database import transactions


@transactions.atomic
def request_verification(*, email: str, ip_address: str | None, now: datetime) -> None:
    """Mail another link to whoever has this unverified e-mail; nothing to anybody else.

    Raises TooManyAttempts, and SendsNoMail.
    """
    outbox.require_mail()
    limits = attempts.verifications()
    attempts.count(email=email, ip_address=ip_address, now=now, limits=limits)
    outbox.post(kind=Kind.VERIFY_EMAIL, address=email, now=now)


@transactions.atomic
def request_reset(*, email: str, ip_address: str | None, now: datetime) -> None:
    """Mail a link for a new password to whoever has this e-mail; nothing to anybody else.

    Raises TooManyAttempts, and SendsNoMail.
    """
    outbox.require_mail()
    attempts.count(email=email, ip_address=ip_address, now=now, limits=attempts.resets())
    outbox.post(kind=Kind.RESET_PASSWORD, address=email, now=now)


@transactions.atomic
def verify(*, token: str, now: datetime) -> None:
    """Open a link that verifies an e-mail, or replaces it by a new one. Raises InvalidLink."""
    link = links.read(token, Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL, now=now)
    unchanged = _unchanged(link)
    if link.purpose == Purpose.VERIFY_EMAIL:
        if not unchanged.filter(email_verified_at=None).update(email_verified_at=now):
            raise InvalidLink
        audit.record("e-mail verified", actor=link.user, subject=link.user, at=now)
        return
    try:
        with transaction.atomic():
            changed = unchanged.update(email=link.new_email, email_verified_at=now)
    except IntegrityError as error:  # somebody else has it by now
        raise InvalidLink from error
    if not changed:
        raise InvalidLink
    outbox.post(kind=Kind.EMAIL_CHANGED, address=link.user.email, user_id=link.user.pk, now=now)
    audit.record(
        "e-mail changed",
        actor=link.user,
        subject=link.user,
        at=now,
        before={"email": link.user.email},
        after={"email": link.new_email},
    )


def reset_password(*, token: str, new_password: str, ip_address: str | None, now: datetime) -> None:
    """Open a link for a new password: set it, and end every session.

    Whoever has the link reads mail at that address, so the e-mail counts as verified. Raises
    InvalidLink, and UnacceptablePassword, after which the link still works.
    """
    link = links.read(token, Purpose.RESET_PASSWORD, now=now)
    passwords.check_acceptable(new_password, user=link.user, field="new_password")
    _replace_password(link, passwords.hashed(new_password), now)
    attempts.clear(email=link.user.email, ip_address=ip_address)


@transactions.atomic
def _replace_password(link: links.Opened, new_hash: str, now: datetime) -> None:
    verified = Coalesce("email_verified_at", Value(now))
    if not _unchanged(link).update(password=new_hash, email_verified_at=verified):
        raise InvalidLink
    audit.record("password reset", actor=None, subject=link.user, at=now)
    sessions.end_all(user=link.user, now=now, reason=EndReason.PASSWORD_CHANGED)
    outbox.post(kind=Kind.PASSWORD_CHANGED, address=link.user.email, user_id=link.user.pk, now=now)


def request_new_email(
    *, user: User, new_email: str, current_password: str, ip_address: str | None, now: datetime
) -> None:
    """Mail a link to the new e-mail, which replaces the old one once the link is opened.

    Whether somebody has the new e-mail is not told. Wrong passwords count as failed sign-ins.
    Raises WrongPassword, TooManyAttempts, and SendsNoMail.
    """
    outbox.require_mail()
    attempts.check(email=user.email, ip_address=ip_address, now=now)
    correct, _ = passwords.verify(current_password, user.password)
    if not correct:
        attempts.record_failure(email=user.email, ip_address=ip_address, now=now)
        raise WrongPassword
    _post_new_email(user, new_email, ip_address, now)


@transactions.atomic
def _post_new_email(user: User, new_email: str, ip_address: str | None, now: datetime) -> None:
    limits = attempts.verifications()
    attempts.count(email=new_email, ip_address=ip_address, now=now, limits=limits)
    outbox.post(kind=Kind.CHANGE_EMAIL, address=new_email, user_id=user.pk, now=now)


def _unchanged(link: links.Opened) -> QuerySet[User]:
    """The link's user, if nothing has changed since the link was read."""
    user = link.user
    return User.objects.filter(pk=user.pk, email=user.email, password=user.password, is_active=True)
