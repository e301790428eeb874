"""The second factors of a user: an authenticator app, passkeys, and recovery codes beside them.

Whatever changes them locks the user first, so that `User.has_second_factor` is always right. The
first factor brings recovery codes; with the last one they go. Wrong codes count as wrong passwords
(`authentication.attempts`), and a right password alone does not clear them.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authentication import attempts, audit, passkeys, recovery_codes, totp
from authentication.challenges import Purpose
from authentication.models import AuthenticatorApp, Passkey, PasskeyChallenge, Session, User
from be.database.transactions import atomic
from be.kernel.refusals import NotFound, Refusal


class WrongFactor(Refusal):
    """The code is not one that works now, or the passkey's answer is not right. It was counted."""

    code = "wrong_factor"
    title = "The second factor is not right"

    def __init__(self, *, field: str | None = None) -> None:
        super().__init__(
            "This code or passkey does not work: it is wrong, too old, or was used before. "
            "Wait for the next code, or begin again.",
            field=field,
        )


class NoSecondFactor(Refusal):
    """There is no authenticator app and no passkey, and so no recovery codes."""

    code = "no_second_factor"
    status = 409
    title = "There is no second factor"

    def __init__(self) -> None:
        super().__init__("Set up an authenticator app or a passkey first.")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What somebody has who is the user: a code of the app or of the list, or a passkey's answer.

    One of the two is given.
    """

    code: str | None = None
    passkey: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The factors that a user has. `recovery_codes_left`: how many were not used yet."""

    app: AuthenticatorApp | None
    passkeys: list[Passkey]
    recovery_codes_left: int


def overview(user: User) -> Overview:
    return Overview(
        app=AuthenticatorApp.objects.filter(user=user).exclude(confirmed_at=None).first(),
        passkeys=list(Passkey.objects.filter(user=user).order_by("created_at", "id")),
        recovery_codes_left=recovery_codes.left(user),
    )


def methods(user: User) -> list[str]:
    """The ways in which `user` can prove to be themselves: "totp", "passkey", "recovery_code"."""
    has = overview(user)
    ways = {
        "totp": has.app is not None,
        "passkey": bool(has.passkeys),
        "recovery_code": has.recovery_codes_left > 0,
    }
    return [way for way, there_is in ways.items() if there_is]


def check(
    *, user: User, proof: Proof, purpose: Purpose, ip_address: str | None, now: datetime
) -> None:
    """Use up a code or a passkey's answer. Raises WrongFactor, which is counted, and after too many
    of them TooManyAttempts.
    """
    attempts.check(email=user.email, ip_address=ip_address, now=now)
    if not _is_right(user, proof, purpose, now):
        audit.record("second factor refused", actor=None, subject=user, at=now, purpose=purpose)
        attempts.record_failure(email=user.email, ip_address=ip_address, now=now)
        raise WrongFactor(field="code" if proof.passkey is None else "passkey")
    attempts.check(email=user.email, ip_address=ip_address, now=now)


def _is_right(user: User, proof: Proof, purpose: Purpose, now: datetime) -> bool:
    if proof.passkey is not None:
        return passkeys.use(proof.passkey, user=user, purpose=purpose, now=now) is not None
    code = "".join((proof.code or "").split())
    if totp.use(user=user, code=code, now=now):
        return True
    if not recovery_codes.use(user=user, code=code, now=now):
        return False
    audit.record("recovery code used", actor=user, subject=user, at=now)
    return True


@atomic
def begin_app(*, user: User, now: datetime) -> str:
    """The secret of a new authenticator app, to be confirmed by a code. Raises AppExists."""
    return totp.begin(user=_locked(user), now=now)


@atomic
def confirm_app(*, user: User, session_id: uuid.UUID, code: str, now: datetime) -> list[str]:
    """Take the app into use. Returns recovery codes if it is the first factor.

    Raises WrongFactor and AppExists.
    """
    user = _locked(user)
    if not totp.confirm(user=user, code="".join(code.split()), now=now):
        raise WrongFactor(field="code")
    audit.record("authenticator app added", actor=user, subject=user, at=now)
    return _gained(user, session_id, now)


@atomic
def remove_app(*, user: User, now: datetime) -> None:
    """Remove the authenticator app. Raises NotFound."""
    user = _locked(user)
    removed, _ = AuthenticatorApp.objects.filter(user=user).exclude(confirmed_at=None).delete()
    if not removed:
        raise NotFound("There is no authenticator app.")
    audit.record("authenticator app removed", actor=user, subject=user, at=now)
    _lost(user)


def add_passkey(
    *,
    user: User,
    session_id: uuid.UUID,
    name: str,
    credential: passkeys.Credential,
    now: datetime,
) -> tuple[Passkey, list[str]]:
    """A new passkey, and recovery codes if it is the first factor.

    Raises PasskeyRefused, PasskeyExists and TooManyPasskeys.
    """
    made = passkeys.verified_creation(user=user, credential=credential, now=now)

    @atomic
    def store() -> tuple[Passkey, list[str]]:
        locked = _locked(user)
        passkey = passkeys.store(
            made, user=locked, name=name, transports=passkeys.transports(credential), now=now
        )
        audit.record(
            "passkey added", actor=user, subject=user, at=now, passkey_id=passkey.pk, name=name
        )
        return passkey, _gained(locked, session_id, now)

    return store()


@atomic
def remove_passkey(*, user: User, passkey_id: uuid.UUID, now: datetime) -> None:
    """Remove one passkey of the user. Raises NotFound, for those of others too."""
    user = _locked(user)
    removed, _ = Passkey.objects.filter(user=user, pk=passkey_id).delete()
    if not removed:
        raise NotFound("You have no such passkey.")
    audit.record("passkey removed", actor=user, subject=user, at=now, passkey_id=passkey_id)
    _lost(user)


@atomic
def renew_recovery_codes(*, user: User, now: datetime) -> list[str]:
    """A new set of recovery codes; the old ones work no more. Raises NoSecondFactor."""
    user = _locked(user)
    if not user.has_second_factor:
        raise NoSecondFactor
    audit.record("recovery codes renewed", actor=user, subject=user, at=now)
    return recovery_codes.renew(user)


def destroy_all(*, user: User) -> None:
    """Remove every factor. The caller has locked the user, and the right to do so."""
    AuthenticatorApp.objects.filter(user=user).delete()
    Passkey.objects.filter(user=user).delete()
    _lost(user)


def _locked(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)


def _gained(user: User, session_id: uuid.UUID, now: datetime) -> list[str]:
    """After a factor was added: with the first one, codes, and other sessions have to step up."""
    if user.has_second_factor:
        return []
    user.has_second_factor = True
    user.save(update_fields=["has_second_factor"])
    sessions = Session.objects.filter(user=user)
    sessions.exclude(pk=session_id).update(stepped_up_at=None)
    sessions.filter(pk=session_id).update(stepped_up_at=now)
    return recovery_codes.renew(user)


def _lost(user: User) -> None:
    """After a factor was removed: with the last one, the codes and all that waits go too."""
    has = overview(user)
    if has.app is not None or has.passkeys:
        return
    user.has_second_factor = False
    user.save(update_fields=["has_second_factor"])
    recovery_codes.destroy(user)
    AuthenticatorApp.objects.filter(user=user).delete()
    PasskeyChallenge.objects.filter(user=user).delete()
