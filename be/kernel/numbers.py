"""Whole numbers in text that came from outside: read whole, or not at all."""

import re

# As many as the largest number that the database can hold has.
MAX_DIGITS = 19
LARGEST = 2**63 - 1
_DIGITS = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}", re.ASCII)


def whole_number(text: str, *, least: int = 0, most: int = LARGEST) -> int | None:
    """The number between `least` and `most` that the text is, to its last character; else None.

    Digits of ASCII and nothing else: no sign, space, point, exponent or underscore, all of which
    `int` may take, and no more digits than a number of the database has.
    """
    if not _DIGITS.fullmatch(text):
        return None
    value = int(text)
    return value if least <= value <= most else None
