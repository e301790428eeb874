"""The hash chain of the audit log: each link covers its event and the link before it.

Whoever changes, removes or inserts a line has to make all later links anew, and then the newest
hash is not the one that somebody has noted elsewhere.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# What the first link names as the hash before it.
GENESIS = "0" * 64


def link_hash(*, sequence: int, previous_hash: str, event: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of the event, its place and the hash before, in hexadecimal.

    `event` is the document that an export shows (`audit_log.document`): anybody can compute the
    chain again from an export.
    """
    sealed = {"event": event, "previous_hash": previous_hash, "sequence": sequence}
    return hashlib.sha256(canonical(sealed)).hexdigest()


def canonical(document: Any) -> bytes:
    """JSON with one spelling: sorted keys, no blanks, ASCII only; floats are refused.

    Raises ValueError or TypeError for what is no plain value.
    """
    _require_plain(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _require_plain(value: Any) -> None:
    """Floats have more than one spelling, and databases store them in their own."""
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("The names of an audit document are texts.")
        value = value.values()
    elif not isinstance(value, list | tuple):
        raise TypeError(f"{type(value).__name__} is no value of an audit document.")
    for part in value:
        _require_plain(part)
