"""What identifies people, at rest: encrypted under the keys of IDENTITY_ENCRYPTION_KEY.

The cryptography is in `be.kernel.encryption`. A sealed value opens for its purpose and row only.
"""

from uuid import UUID

from django.conf import settings
from django.db.models import Model

from be.kernel import encryption


def key_ring() -> encryption.KeyRing:
    """The configured keys. With none, in development only, a key derived from SECRET_KEY.

    Raises encryption.InvalidKeyRing.
    """
    if settings.IDENTITY_ENCRYPTION_KEY:
        return encryption.parse_key_ring(settings.IDENTITY_ENCRYPTION_KEY)
    return encryption.development_key_ring(settings.SECRET_KEY)


def seal(text: str, *, purpose: bytes, row_id: UUID) -> bytes:
    """Encrypt under the newest key."""
    return encryption.seal(key_ring(), text, purpose=purpose, row_id=row_id)


def unseal(sealed: bytes, *, purpose: bytes, row_id: UUID) -> str:
    """Decrypt under any key of the ring. Raises encryption.Unreadable."""
    return encryption.unseal(key_ring(), sealed, purpose=purpose, row_id=row_id)


def reseal(row: Model, column: str, *, purpose: bytes) -> bool:
    """Bring the value in a column of `row` under the newest key; False if it is, or is none.

    A value that is changed meanwhile is left alone: the UPDATE names the one that it replaces.
    Raises encryption.Unreadable.
    """
    stored = getattr(row, column)
    if stored is None or encryption.is_sealed_with_newest(key_ring(), bytes(stored)):
        return False
    text = unseal(bytes(stored), purpose=purpose, row_id=row.pk)
    unchanged = type(row)._default_manager.filter(**{"pk": row.pk, column: stored})
    return bool(unchanged.update(**{column: seal(text, purpose=purpose, row_id=row.pk)}))
