"""The signing keys of this server: from the setting, or from a file that is read again.

A file may change while servers run: each looks every LOOK_SECONDS, and `rotate_signing_key` lets a
new key sign only after all have looked. A file that can't be read leaves the keys as they were.
"""

import logging
import threading
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from authentication.rules import signing_keys
from authentication.rules.signing_keys import InvalidSigningKeys, SigningKeys
from be.configuration import key_files

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


def current() -> SigningKeys:
    """The keys now; the same object until they change."""
    given = settings.JWT_SIGNING_KEYS
    if not given or key_files.is_inline(given):
        return _made_of(given or None, settings.JWT_ALGORITHM, settings.SECRET_KEY)
    return _file(given, settings.JWT_ALGORITHM, settings.SECRET_KEY).keys()


@lru_cache(maxsize=8)
def _made_of(text: str | None, algorithm: str, secret_key: str) -> SigningKeys:
    keys = () if text is None else signing_keys.parse(text, algorithm=algorithm)
    return SigningKeys(keys, signing_keys.of_secret_key(secret_key), algorithm)


class _File:
    """A file with a JWK set; safe to use from any thread."""

    def __init__(self, path: str, algorithm: str, secret_key: str) -> None:
        """Raises OSError and InvalidSigningKeys."""
        self._path = Path(path)
        self._others = (algorithm, secret_key)
        self._looking = threading.Lock()
        self._seen = self._stamp()
        self._keys = _made_of(self._path.read_text(), *self._others)
        self._look_at = time.monotonic() + LOOK_SECONDS

    def keys(self) -> SigningKeys:
        if time.monotonic() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._look_at = time.monotonic() + LOOK_SECONDS
                self._looking.release()
        return self._keys

    def _look(self) -> None:
        try:
            seen = self._stamp()
            if seen != self._seen:
                self._keys = _made_of(self._path.read_text(), *self._others)
                self._seen = seen
                logger.info("the signing keys were read again: %d", len(self._keys.keys))
        except (OSError, UnicodeDecodeError, InvalidSigningKeys) as error:
            logger.error("JWT_SIGNING_KEYS can't be read, the keys stay as they are: %s", error)

    def _stamp(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino


_file = lru_cache(maxsize=8)(_File)
