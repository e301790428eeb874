"""Recovery codes: a set of ten, shown once, stored as hashes; each works once."""

import secrets
from datetime import datetime

from authentication.models import RecoveryCode, User
from authentication.rules import recovery_codes


def renew(user: User) -> list[str]:
    """A new set; the old codes work no more. The caller has locked the user."""
    destroy(user)
    codes = [
        recovery_codes.code_of(secrets.token_bytes(recovery_codes.RANDOM_BYTES))
        for _ in range(recovery_codes.COUNT)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=_digest(code, user)) for code in codes
    )
    return codes


def use(*, user: User, code: str, now: datetime) -> bool:
    """Whether this is a code of the user that was not used; it works no more after that."""
    letters = recovery_codes.parse(code)
    if letters is None:
        return False
    digest = recovery_codes.digest(letters, user_id=user.pk)
    unused = RecoveryCode.objects.filter(user=user, digest=digest, used_at=None)
    return bool(unused.update(used_at=now))


def left(user: User) -> int:
    """How many codes are not used yet."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def destroy(user: User) -> None:
    RecoveryCode.objects.filter(user=user).delete()


def _digest(code: str, user: User) -> str:
    letters = recovery_codes.parse(code)
    assert letters is not None  # noqa: S101 - it was made here
    return recovery_codes.digest(letters, user_id=user.pk)
