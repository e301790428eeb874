"""Ids: time-ordered UUIDs (version 7, RFC 9562 section 5.7), and parsing ids of requests."""

import os
import re
import threading
import uuid
from datetime import datetime

NIL = uuid.UUID(int=0)
# `uuid.UUID` accepts signs, underscores and digits of any script, as `int` does.
_SPELLED = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.ASCII | re.IGNORECASE
)

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1
# The random part starts below its maximum, which leaves room to count up.
_RANDOM_START_BITS = 61
_STEP_BITS = 32

# So many moments have their last id remembered: more than are in use at once.
_REMEMBERED = 1024

_lock = threading.Lock()
_counters: dict[int, int] = {}


def uuid7(at: datetime) -> uuid.UUID:
    """An id that sorts by `at` to a quarter of a microsecond.

    48 bits of Unix milliseconds; the next 12 bits hold the fraction of the millisecond (method 3 of
    RFC 9562 section 6.2); 62 random bits. Ids that one process makes for the same `at` count up by
    a random step (method 2), so that the fills of one moment keep their order, whatever other
    threads make in between.
    """
    microseconds = round(at.timestamp() * 1_000_000)
    milliseconds, remainder = divmod(microseconds, 1000)
    fraction = (remainder << 12) // 1000 & _RANDOM_A
    tick = milliseconds << 12 | fraction
    with _lock:
        counter = _counters.get(tick)
        if counter is None:
            counter = _random(_RANDOM_START_BITS)
            if len(_counters) == _REMEMBERED:
                del _counters[next(iter(_counters))]
        else:
            counter = (counter + 1 + _random(_STEP_BITS)) & _RANDOM_B
        _counters[tick] = counter
    return uuid.UUID(int=milliseconds << 80 | _VERSION | fraction << 64 | _VARIANT | counter)


def first_at(at: datetime) -> uuid.UUID:
    """An id below those of this time and later, and above those of earlier milliseconds."""
    milliseconds = round(at.timestamp() * 1_000_000) // 1000
    return uuid.UUID(int=milliseconds << 80)


def _random(bits: int) -> int:
    return int.from_bytes(os.urandom(8)) >> 64 - bits


def parse(text: str) -> uuid.UUID:
    """The id in `text`. A malformed one gives the nil UUID, which no row has.

    So a request with it is answered like one for a row that is missing or another user's.
    """
    return parse_or_none(text) or NIL


def parse_or_none(text: str) -> uuid.UUID | None:
    """The id in `text`: hexadecimal digits, with hyphens or without. None if it is malformed."""
    return uuid.UUID(text) if _SPELLED.fullmatch(text) else None
