"""What the audit log keeps of a value: plain JSON, bounded, and never a secret."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from be.kernel.formats import time_text

HIDDEN = "(hidden)"
MAX_TEXT = 500
MAX_ITEMS = 500
# A name with one of these words is of a secret, or of what a secret can be found from.
SECRET_WORDS = frozenset(
    {
        "ciphertext",
        "code",
        "codes",
        "credential",
        "digest",
        "encrypted",
        "fingerprint",
        "hash",
        "jti",
        "key",
        "otp",
        "passphrase",
        "password",
        "public_key",
        "secret",
        "seed",
        "signature",
        "ssn",
        "token",
    }
)
# Names that hold such a word, and yet are of no secret.
HARMLESS = frozenset({"key_id", "api_key_id", "return_code", "postal_code", "kid"})


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them, without those whose name says that they are secret."""
    return {name: HIDDEN if _is_secret(name) else _plain(value) for name, value in values.items()}


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two states of one row, what differs: as it was, and as it is. Secrets are hidden."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return (
        plain({name: before.get(name) for name in names}),
        plain({name: after.get(name) for name in names}),
    )


def _is_secret(name: str) -> bool:
    return name not in HARMLESS and not SECRET_WORDS.isdisjoint(name.lower().split("_"))


def _plain(value: Any) -> Any:
    """Numbers other than integers become text, so that they keep their digits in any database."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return HIDDEN  # what is stored in bytes is encrypted, or a key
    if isinstance(value, Mapping):
        return plain({str(name): part for name, part in value.items()})
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(part) for part in list(value)[:MAX_ITEMS]]
    shown = time_text(value) if isinstance(value, datetime) else text(str(value))
    return shown if len(shown) <= MAX_TEXT else f"{shown[:MAX_TEXT]}…"


def text(value: str) -> str:
    """As both databases store it: without NUL, and without half of a surrogate pair."""
    return value.replace("\x00", "").encode(errors="replace").decode()
