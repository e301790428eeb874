"""Strict parsing of whole numbers in requests."""

import re

# As many as the largest integer of the database has.
MAX_DIGITS = 19
LARGEST = 2**63 - 1
_DIGITS = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}", re.ASCII)


def whole_number(text: str, *, least: int = 0, most: int = LARGEST) -> int | None:
    """The number from `least` to `most` that the whole text is; None for any other text.

    The text has ASCII digits only. Signs, spaces, points, exponents and underscores, some of which
    `int` accepts, are refused, and so are numbers that the database can't store.
    """
    if not _DIGITS.fullmatch(text):
        return None
    value = int(text)
    return value if least <= value <= most else None
