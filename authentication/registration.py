"""How people become users, and change how they are called."""

from datetime import datetime

from django.db import IntegrityError, transaction

from authentication import passwords, sessions
from authentication.models import User
from be.database import transactions
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal
from be.logs import events


class RegistrationRefused(Refusal):
    """No user was made. That the e-mail is taken is the reason, but not said.

    An answer that is wholly the same for a taken and for a free e-mail needs a mail to its owner
    before anybody gets tokens. As tokens are issued at once, a refusal says what it must and no
    more: it has a general wording, names no field, and costs the same hash as a success.
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
    """Make a user. The e-mail is kept in lower case and belongs to one user.

    Raises UnacceptablePassword, or RegistrationRefused for a taken e-mail, also when two requests
    for the same one race.
    """
    user = _prepared(email, password, first_name, last_name, now)
    return _saved(user)


def sign_up(
    *,
    email: str,
    password: str,
    first_name: str,
    last_name: str,
    user_agent: str,
    ip_address: str | None,
    now: datetime,
) -> sessions.Tokens:
    """Register and open the first session, both or neither. Raises what `register` raises."""
    # Hashing is slow: it happens before the transaction, which on SQLite locks out other writers.
    user = _prepared(email, password, first_name, last_name, now)

    @transactions.atomic
    def save_and_sign_in() -> sessions.Tokens:
        return sessions.open_session(
            user=_saved(user), user_agent=user_agent, ip_address=ip_address, now=now
        )

    return save_and_sign_in()


def rename(*, user: User, first_name: str | None = None, last_name: str | None = None) -> User:
    """Change the names that are given and keep the others."""
    given = {"first_name": first_name, "last_name": last_name}
    changes = {field: name for field, name in given.items() if name is not None}
    for field, name in changes.items():
        setattr(user, field, name)
    if changes:
        user.save(update_fields=list(changes))
    return user


def _prepared(email: str, password: str, first_name: str, last_name: str, now: datetime) -> User:
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


def _saved(user: User) -> User:
    """Insert without looking first: the unique constraint decides, and nobody can slip between."""
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise RegistrationRefused from error
    events.happened("registered", user_id=user.pk)
    return user
