"""Secrets at rest: encrypted with AES-256-GCM, found by a keyed fingerprint.

A key ring is one or more 32-byte keys. The first encrypts and fingerprints; all of them decrypt and
find. To rotate, put a new key first, bring all rows under it, then remove the old ones. Stored
values stay readable at every step, because a look-up uses the fingerprints under all keys.

An encrypted value is bound to its purpose and to one row, so that somebody who can write to the
table cannot show one customer's value as another's, or as something else. Its bytes:

    version (1) | key id (8) | nonce (12) | ciphertext and tag

Purpose, version, key id and row id are authenticated with it (the associated data of GCM).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
VERSION = b"\x01"
KEY_ID_BYTES = 8
# 96 random bits, the nonce size of NIST SP 800-38D; good for 2^32 values under one key.
NONCE_BYTES = 12
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES
DEVELOPMENT_PURPOSE = b"brokerpro development encryption key"


class InvalidKeyRing(ValueError):
    """The configured keys cannot be used; the message gives the key's position, never its value."""


class Unreadable(Exception):
    """The value belongs to another row, is under a key that is not in the ring, or was altered."""


@dataclass(frozen=True, slots=True)
class Key:
    """A 32-byte secret, and the truncated hash that identifies it in encrypted values."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(b"brokerpro key id" + self.secret).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys, newest first; never empty and no key twice."""

    keys: tuple[Key, ...]

    @property
    def newest(self) -> Key:
        return self.keys[0]


def parse_key_ring(text: str) -> KeyRing:
    """Read comma-separated keys, each 32 bytes in URL-safe base64. Raises InvalidKeyRing."""
    keys = tuple(
        _parse_key(part.strip(), position) for position, part in enumerate(text.split(","), 1)
    )
    if len(set(keys)) != len(keys):
        raise InvalidKeyRing("The key ring names the same key twice.")
    return KeyRing(keys)


def _parse_key(text: str, position: int) -> Key:
    try:
        secret = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidKeyRing(f"Key {position} of the ring is not URL-safe base64.") from error
    if len(secret) != KEY_BYTES:
        raise InvalidKeyRing(
            f"Key {position} of the ring has {len(secret)} bytes, not {KEY_BYTES}."
        )
    return Key(secret)


def development_key_ring(secret_key: str) -> KeyRing:
    """A ring of one key derived from Django's SECRET_KEY, for machines where none is configured."""
    return KeyRing((Key(_derive(secret_key.encode(), DEVELOPMENT_PURPOSE)),))


def seal(ring: KeyRing, plaintext: str, *, purpose: bytes, row_id: UUID) -> bytes:
    """Encrypt under the newest key, for this purpose and row only."""
    key = ring.newest
    header = VERSION + key.id
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key.secret).encrypt(nonce, plaintext.encode(), purpose + header + row_id.bytes)
    return header + nonce + sealed


def unseal(ring: KeyRing, sealed: bytes, *, purpose: bytes, row_id: UUID) -> str:
    """Decrypt what `seal` made for the same purpose and row, under any key of the ring.

    Raises Unreadable.
    """
    header, rest = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    nonce, ciphertext = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    key = _key_of(ring, header)
    try:
        plaintext = AESGCM(key.secret).decrypt(nonce, ciphertext, purpose + header + row_id.bytes)
    except (InvalidTag, ValueError) as error:
        raise Unreadable("the value does not open for this row") from error
    return plaintext.decode()


def header(ring: KeyRing) -> bytes:
    """What every value begins with that is encrypted under the newest key."""
    return VERSION + ring.newest.id


def is_sealed_with_newest(ring: KeyRing, sealed: bytes) -> bool:
    """Whether this value is encrypted under the newest key already."""
    return sealed[:HEADER_BYTES] == VERSION + ring.newest.id


def fingerprint(ring: KeyRing, parts: Sequence[str], *, purpose: bytes) -> str:
    """HMAC-SHA256 of the parts under the newest key, in hex: equal for equal parts, and only so."""
    return _fingerprint(ring.newest, parts, purpose)


def fingerprints(ring: KeyRing, parts: Sequence[str], *, purpose: bytes) -> list[str]:
    """The fingerprints that the parts may be stored under: one for each key of the ring."""
    return [_fingerprint(key, parts, purpose) for key in ring.keys]


def _fingerprint(key: Key, parts: Sequence[str], purpose: bytes) -> str:
    # The length before each part keeps ("1", "23") apart from ("12", "3").
    message = b"".join(len(part).to_bytes(4) + part.encode() for part in parts)
    return hmac.digest(_derive(key.secret, purpose), message, "sha256").hex()


def _key_of(ring: KeyRing, header: bytes) -> Key:
    for key in ring.keys:
        if header == VERSION + key.id:
            return key
    raise Unreadable("no key of the ring has sealed this value")


def _derive(secret: bytes, purpose: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869), so that one secret serves several purposes safely."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret)
