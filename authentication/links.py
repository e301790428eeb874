"""Signed links in mails: each is good for one purpose, once, and for a while.

Nothing is stored for a link. It is signed with SECRET_KEY, and bound to what using it changes: the
user's e-mail and password, and that the e-mail is unverified. So a change of either ends all links,
and whoever uses one changes the state in one conditional UPDATE: of any number of requests with the
same link one succeeds.
"""

import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.core import signing
from django.utils.crypto import salted_hmac

from authentication.models import User
from be.kernel.refusals import Refusal

# Links are about 250 characters, and longer by a new e-mail. Longer text is no link of ours.
MAX_LENGTH = 1000
_SALT = "authentication.links"


class Purpose(StrEnum):
    """What a link does for whoever opens it."""

    VERIFY_EMAIL = "verify"
    CHANGE_EMAIL = "change"
    RESET_PASSWORD = "reset"  # noqa: S105


LIFETIMES = {
    Purpose.VERIFY_EMAIL: timedelta(days=3),
    Purpose.CHANGE_EMAIL: timedelta(days=1),
    Purpose.RESET_PASSWORD: timedelta(hours=1),
}


class InvalidLink(Refusal):
    """The link is forged, used, expired, or for another purpose; or a newer state has ended it."""

    code = "invalid_link"
    status = 422
    title = "The link is not valid"

    def __init__(self) -> None:
        super().__init__("This link has expired or was used before; ask for a new mail.")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a valid link says. `user` is as it was when the link was read, to compare with."""

    purpose: Purpose
    user: User
    new_email: str


def make(purpose: Purpose, user: User, *, now: datetime, new_email: str = "") -> str:
    """The token of a link, for a URL's fragment: browsers don't send that to servers or others."""
    return signing.Signer(salt=_SALT).sign_object(
        {
            "for": purpose,
            "user": user.pk.hex,
            "until": int((now + LIFETIMES[purpose]).timestamp()),
            "email": new_email,
            "state": _state(purpose, user, new_email),
        }
    )


def read(token: str, *purposes: Purpose, now: datetime) -> Opened:
    """What a link for one of these purposes says. Raises InvalidLink."""
    if len(token) > MAX_LENGTH or not token.isascii():
        raise InvalidLink
    try:
        content = signing.Signer(salt=_SALT).unsign_object(token)
    except signing.BadSignature as error:
        raise InvalidLink from error
    if content["for"] not in purposes or content["until"] <= now.timestamp():
        raise InvalidLink
    purpose, new_email = Purpose(content["for"]), content["email"]
    user = User.objects.filter(pk=uuid.UUID(content["user"]), is_active=True).first()
    if user is None or not hmac.compare_digest(content["state"], _state(purpose, user, new_email)):
        raise InvalidLink
    return Opened(purpose=purpose, user=user, new_email=new_email)


def _state(purpose: Purpose, user: User, new_email: str) -> str:
    """A digest of what has to be unchanged when the link is used."""
    parts = (purpose, user.pk.hex, user.email, user.password, new_email)
    return salted_hmac(_SALT, "\n".join(parts), algorithm="sha256").hexdigest()[:32]
