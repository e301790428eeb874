"""What identifies people, at rest: encrypted under the keys of IDENTITY_ENCRYPTION_KEY.

The cryptography is in `be.kernel.encryption`. A sealed value opens for its purpose and row only.
"""

from uuid import UUID

from django.conf import settings

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


def is_current(sealed: bytes) -> bool:
    """Whether a value is under the newest key, so that it needs no older one."""
    return encryption.is_sealed_with_newest(key_ring(), sealed)
