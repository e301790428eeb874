"""How numbers and times are written in answers, on REST and on the WebSocket alike."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache


def plain(value: Decimal) -> str:
    """Plain notation without superfluous zeros: Decimal("1.50E+2") → "150"."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def money(value: Decimal) -> str:
    """Dollars with both cents: Decimal("10") → "10.00"."""
    return f"{value:.2f}"


def plain_units(units: int, scale: int) -> str:
    """Units with so many decimals, as `plain` writes the amount: 1500 of scale 3 is "1.5"."""
    if not scale:
        return str(units)
    whole, rest = divmod(abs(units), 10**scale)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{rest:0{scale}d}".rstrip("0") if rest else f"{sign}{whole}"


def money_cents(cents: int) -> str:
    """Cents, as `money` writes the dollars: 1000 is "10.00"."""
    digits = f"{cents:03d}" if cents >= 0 else f"{cents:04d}"
    return f"{digits[:-2]}.{digits[-2:]}"


def price_text(price: Decimal, increment: Decimal) -> str:
    """A price with at least the decimals of its increment: 191.5 at a cent is "191.50"."""
    places = max(decimals(increment), decimals(price))
    return f"{price:.{places}f}"


@lru_cache(maxsize=4096)
def decimals(value: Decimal) -> int:
    """How many decimals a number needs: 2 for 0.01 and for 0.0100."""
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


@lru_cache(maxsize=1024)
def time_text(at: datetime) -> str:
    """RFC 3339 in UTC with Z, to the microsecond that is stored."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
