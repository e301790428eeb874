"""Authenticator apps: set up by a secret, confirmed by a code, and then each code works once."""

import secrets
from datetime import datetime

from django.db.models import Q

from authentication import sealing
from authentication.models import AuthenticatorApp, User
from authentication.rules import totp
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal

PURPOSE = b"brokerpro authenticator app"
ISSUER = "BrokerPro"


class AppExists(Refusal):
    """The user has a confirmed authenticator app; there is one at most."""

    code = "authenticator_app_exists"
    status = 409
    title = "An authenticator app is set up already"

    def __init__(self) -> None:
        super().__init__("Remove the authenticator app before you set up another one.")


def begin(*, user: User, now: datetime) -> str:
    """A new secret, in the place of one that was not confirmed. The caller has locked the user.

    Raises AppExists.
    """
    AuthenticatorApp.objects.filter(user=user, confirmed_at=None).delete()
    if AuthenticatorApp.objects.filter(user=user).exists():
        raise AppExists
    secret = totp.secret_of(secrets.token_bytes(totp.SECRET_BYTES))
    row_id = uuid7(now)
    AuthenticatorApp.objects.create(
        id=row_id,
        user=user,
        secret_encrypted=sealing.seal(secret, purpose=PURPOSE, row_id=row_id),
        created_at=now,
    )
    return secret


def confirm(*, user: User, code: str, now: datetime) -> bool:
    """Take the app into use if `code` is one that it shows. The caller has locked the user.

    The code is used up by that. Raises AppExists.
    """
    app = AuthenticatorApp.objects.filter(user=user).first()
    if app is not None and app.confirmed_at is not None:
        raise AppExists
    step = None if app is None else totp.matching_step(_secret(app), code, now)
    if app is None or step is None:
        return False
    app.confirmed_at, app.last_step = now, step
    app.save(update_fields=["confirmed_at", "last_step"])
    return True


def use(*, user: User, code: str, now: datetime) -> bool:
    """Whether the user's app shows this code now; it works no more after that, nor do older ones.

    The conditional UPDATE lets one of any number of racing requests pass.
    """
    app = AuthenticatorApp.objects.filter(user=user).exclude(confirmed_at=None).first()
    step = None if app is None else totp.matching_step(_secret(app), code, now)
    if app is None or step is None:
        return False
    unused = Q(last_step=None) | Q(last_step__lt=step)
    return bool(AuthenticatorApp.objects.filter(unused, pk=app.pk).update(last_step=step))


def uri(secret: str, *, user: User) -> str:
    """The `otpauth:` address of a secret, for a QR code."""
    return totp.uri(secret, account=user.email, issuer=ISSUER)


def _secret(app: AuthenticatorApp) -> str:
    return sealing.unseal(bytes(app.secret_encrypted), purpose=PURPOSE, row_id=app.pk)
