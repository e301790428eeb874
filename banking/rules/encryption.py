"""Account numbers and micro-deposits at rest: encrypted for their row; numbers have fingerprints.

`be.kernel.encryption` has the cryptography. To rotate the key, put a new one first, run
`rotate_banking_key`, then remove the old ones.
"""

from collections.abc import Sequence
from uuid import UUID

from be.kernel import encryption
from be.kernel.encryption import (
    InvalidKeyRing,
    KeyRing,
    Unreadable,
    development_key_ring,
    is_sealed_with_newest,
    parse_key_ring,
)

__all__ = [
    "InvalidKeyRing",
    "KeyRing",
    "Unreadable",
    "development_key_ring",
    "fingerprint",
    "fingerprints",
    "is_sealed_with_newest",
    "parse_key_ring",
    "seal",
    "unseal",
]

ACCOUNT_NUMBER = b"brokerpro bank account number"
MICRO_DEPOSITS = b"brokerpro micro-deposits"
FINGERPRINT_PURPOSE = b"brokerpro bank account fingerprint"


def seal(ring: KeyRing, text: str, *, row_id: UUID, purpose: bytes = ACCOUNT_NUMBER) -> bytes:
    """Encrypt under the newest key, for this row and purpose only."""
    return encryption.seal(ring, text, purpose=purpose, row_id=row_id)


def unseal(ring: KeyRing, sealed: bytes, *, row_id: UUID, purpose: bytes = ACCOUNT_NUMBER) -> str:
    """Decrypt what `seal` made for this row and purpose under any key of the ring.

    Raises Unreadable.
    """
    return encryption.unseal(ring, sealed, purpose=purpose, row_id=row_id)


def fingerprint(ring: KeyRing, parts: Sequence[str]) -> str:
    """The fingerprint under the newest key: equal for equal parts, and only so."""
    return encryption.fingerprint(ring, parts, purpose=FINGERPRINT_PURPOSE)


def fingerprints(ring: KeyRing, parts: Sequence[str]) -> list[str]:
    """The fingerprints that the parts may be stored under: one for each key of the ring."""
    return encryption.fingerprints(ring, parts, purpose=FINGERPRINT_PURPOSE)
