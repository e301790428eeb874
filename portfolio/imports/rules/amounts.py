"""Numbers in cells, of a length that can't take long to compute with. Pure."""

import re
from decimal import Decimal

from exchange.simulator.sources.replay.rules import cells
from exchange.simulator.sources.replay.rules.refusals import Unreadable

# No exponents, no NaN, no digits of other scripts, nothing that takes long.
_PLAIN = re.compile(r"[+-]?\$?[0-9][0-9,]*(\.[0-9]*)?|[+-]?\$?\.[0-9]+", re.ASCII)
_MAX_LENGTH = 40
_LARGEST = Decimal(10) ** 15


def number(text: str, *, thousands: bool = True) -> Decimal:
    """A number in plain notation, with or without a dollar sign and commas between thousands.

    Raises Unreadable for all else, and for a number of 10^15 or more.
    """
    bare = text.strip()
    if len(bare) > _MAX_LENGTH or not _PLAIN.fullmatch(bare):
        raise Unreadable(f"{bare[:20]!r} is no number in plain notation")
    return bounded(cells.number(bare, thousands=thousands))


def bounded(value: Decimal) -> Decimal:
    """The number, if it is finite and below 10^15; else raises Unreadable."""
    if not value.is_finite() or abs(value) >= _LARGEST:
        raise Unreadable(f"{str(value)[:20]} is too large")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MAX_LENGTH:
        raise Unreadable("a number has too many decimals")
    return value


def positive(text: str, what: str, *, thousands: bool = True) -> Decimal:
    """A number above zero. Raises Unreadable that says what it is."""
    value = number(text, thousands=thousands)
    if value <= 0:
        raise Unreadable(f"{what} is {value}, and must be above zero")
    return value


def not_negative(text: str, what: str, *, thousands: bool = True) -> Decimal:
    """A number from zero on. Raises Unreadable that says what it is."""
    value = number(text, thousands=thousands)
    if value < 0:
        raise Unreadable(f"{what} is {value}, and must not be below zero")
    return value
