"""Registration of users, and changes of their names."""

from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from authentication import attempts, audit, outbox, passwords, sessions
from authentication.models import User
from authentication.outbox import Kind
from be.database import transactions
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal


class RegistrationRefused(Refusal):
    """The e-mail is taken; the answer does not say so.

    The same answer for a taken and a free e-mail needs a mail before tokens are issued, as
    REQUIRE_VERIFIED_EMAIL has it. Without that tokens are issued at once, so the refusal reveals as
    little as possible: it has a general wording, names no field, and costs the same hash as a
    success.
    """

    code = "registration_refused"
    status = 422
    title = "Registration was refused"

    def __init__(self) -> None:
        super().__init__(
            "Could not register with these data; if you have an account, sign in or reset the "
            "password."
        )


def register(*, email: str, password: str, first_name: str, last_name: str, now: datetime) -> User:
    """Create a user for whoever runs the server and vouches for the e-mail: it counts as verified.

    The e-mail is stored in lower case and is unique. Raises UnacceptablePassword, or
    RegistrationRefused for a taken e-mail, also when two requests for the same one race.
    """
    user = _new_user(email, password, first_name, last_name, now)
    user.email_verified_at = now
    return _insert(user)


def sign_up(
    *,
    email: str,
    password: str,
    first_name: str,
    last_name: str,
    user_agent: str,
    ip_address: str | None,
    now: datetime,
) -> sessions.Tokens | None:
    """Register, mail a link that verifies the e-mail, and open the first session.

    Where the e-mail has to be verified first (REQUIRE_VERIFIED_EMAIL), no session is opened, and
    the result is None, for a taken e-mail too: its owner gets a mail that says so. Raises
    TooManyAttempts, UnacceptablePassword, and elsewhere RegistrationRefused for a taken e-mail.
    """
    limits = attempts.registrations()
    attempts.count(email=email.strip().lower(), ip_address=ip_address, now=now, limits=limits)
    # Hashing is slow: it happens before the transaction, which on SQLite locks out other writers.
    user = _new_user(email, password, first_name, last_name, now)
    if settings.REQUIRE_VERIFIED_EMAIL:
        _save_and_ask(user, now)
        return None
    return _save_and_sign_in(user, user_agent, ip_address, now)


@transactions.atomic
def _save_and_ask(user: User, now: datetime) -> None:
    """The same statements for a free and a taken e-mail; who sends the mail sees which it is."""
    with suppress(RegistrationRefused):
        _insert(user)
    outbox.post(kind=Kind.SIGN_UP, address=user.email, user_id=user.pk, now=now)


@transactions.atomic
def _save_and_sign_in(
    user: User, user_agent: str, ip_address: str | None, now: datetime
) -> sessions.Tokens:
    tokens = sessions.open_session(
        user=_insert(user), user_agent=user_agent, ip_address=ip_address, now=now
    )
    outbox.post(kind=Kind.SIGN_UP, address=user.email, user_id=user.pk, now=now)
    return tokens


def rename(*, user: User, first_name: str | None = None, last_name: str | None = None) -> User:
    """Change the names that are given; a name that is None stays."""
    given = {"first_name": first_name, "last_name": last_name}
    changes = {field: name for field, name in given.items() if name is not None}
    for field, name in changes.items():
        setattr(user, field, name)
    if changes:
        user.save(update_fields=list(changes))
    return user


def _new_user(email: str, password: str, first_name: str, last_name: str, now: datetime) -> User:
    user = User(
        id=uuid7(now),
        email=email.strip().lower(),
        first_name=first_name,
        last_name=last_name,
        date_joined=now,
    )
    passwords.check_acceptable(password, user=user, field="password")
    user.password = passwords.hashed(password)
    return user


def _insert(user: User) -> User:
    """Insert without a look-up: the unique constraint decides between racing requests."""
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise RegistrationRefused from error
    audit.record("registered", actor=user, subject=user, at=user.date_joined)
    return user
