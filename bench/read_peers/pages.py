"""Pages of a list, newest first: the address of the next one, and how numbers are written."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request

PageSize = Annotated[int, Query(ge=1, le=200)]


def page(
    request: Request,
    found: Sequence[dict[str, Any]],
    size: int,
    document: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """A first page of at most `size` of the rows; one more says that another page follows."""
    following = None
    if len(found) > size:
        cursor = b64encode(urlencode({"p": found[size - 1]["id"]}).encode()).decode()
        following = str(request.url.include_query_params(cursor=cursor))
    results = [document(row) for row in found[:size]]
    return {"next": following, "previous": None, "results": results}


def amount(units: int | None, scale: int) -> str | None:
    """Units of an asset, in plain notation."""
    if units is None:
        return None
    text = f"{Decimal(units).scaleb(-scale):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(cents: int) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"


def price(value: Decimal | None, increment: Decimal) -> str | None:
    """A price with at least the decimals of its increment."""
    if value is None:
        return None
    places = max(_decimals(value), _decimals(increment))
    return f"{value:.{places}f}"


def _decimals(value: Decimal) -> int:
    text = f"{value:f}"
    return len(text.rstrip("0").partition(".")[2]) if "." in text else 0


def time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
