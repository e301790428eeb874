"""Factor tokens: what a sign-in has between the right password and the second factor.

A token is signed, ends after LIFETIME, and dies with the password that it was given for.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from authentication.models import User
from be.kernel.refusals import Refusal

LIFETIME = timedelta(minutes=5)
MAX_LENGTH = 400
_SALT = "authentication.factor_tokens"


class InvalidFactorToken(Refusal):
    """The token is forged or too old, or the password or factors have changed since."""

    code = "invalid_factor_token"
    status = 401
    title = "The sign-in has to begin again"
    auth_header: ClassVar[str] = "Bearer"

    def __init__(self) -> None:
        super().__init__("This sign-in took too long or is not valid any more; sign in again.")


def issue(*, user: User, now: datetime) -> str:
    """A token for `user`, whose password was right just now."""
    return signing.Signer(salt=_SALT).sign_object(
        {
            "user": user.pk.hex,
            "until": int((now + LIFETIME).timestamp()),
            "password": _digest_of_password(user),
        }
    )


def read(text: str, *, now: datetime) -> User:
    """The user who has to bring a second factor. Raises InvalidFactorToken."""
    claims = _claims(text)
    if claims["until"] <= now.timestamp():
        raise InvalidFactorToken
    user = User.objects.filter(
        pk=UUID(claims["user"]), is_active=True, has_second_factor=True
    ).first()
    if user is None or not constant_time_compare(claims["password"], _digest_of_password(user)):
        raise InvalidFactorToken
    return user


def _claims(text: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = signing.Signer(salt=_SALT).unsign_object(text)
    except (signing.BadSignature, ValueError) as error:
        raise InvalidFactorToken from error
    return claims


def _digest_of_password(user: User) -> str:
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()
