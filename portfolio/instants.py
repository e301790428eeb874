"""Times and prices as integers: in fixed SQL, and in Python.

A time is in microseconds since 1970, which is what the databases store; a price is in
hundred-millionths of a dollar. Many of them come as one list, which costs far less than a row each.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from banking.rules.assets import EXACT
from be.database.rows import Columns
from be.database.statements import is_postgresql
from exchange.models import Candle
from portfolio.rules.grids import PRICE_UNIT, Integers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_price = Columns(Candle, ["close"]).load


def instant(at: datetime) -> int:
    """The time in microseconds since 1970."""
    return microseconds(at - _EPOCH)


def microseconds(length: timedelta) -> int:
    """The length of time in microseconds."""
    return length // MICROSECOND


def time_of(instant: int) -> datetime:
    """The time, in UTC, of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=instant)


def instant_sql(column: str) -> str:
    """SQL for the microseconds since 1970 of a column of times."""
    if is_postgresql():
        return f"(extract(epoch FROM {column}) * 1000000)::bigint"
    # A time is the text YYYY-MM-DD HH:MM:SS, with .ffffff unless that is zero. char(37) is the
    # percent sign, which would begin a parameter.
    return (
        f"(CAST(strftime(char(37) || 's', substr({column}, 1, 19)) AS INTEGER) * 1000000 "
        f"+ CAST(substr({column} || '000000', 21, 6) AS INTEGER))"
    )


def list_sql(value: str) -> str:
    """SQL for all numbers of a group as one list, which `numbers` or `prices` reads."""
    if is_postgresql():
        return f"string_agg(int8send({value}), ''::bytea)"
    return f"json_group_array({value})"


def first_id_sql(instant: str) -> str:
    """SQL for the lowest id that `be.kernel.identifiers.uuid7` gives at an instant."""
    milliseconds = f"({instant}) / 1000"
    if is_postgresql():
        return f"(lpad(to_hex({milliseconds}), 12, '0') || repeat('0', 20))::uuid"
    return f"(printf(char(37) || '012x', {milliseconds}) || '{'0' * 20}')"


def since_sql(column: str, instant: str) -> str:
    """SQL for the condition that an id was given at an instant or later.

    Without an end of the range, PostgreSQL expects a third of all ids in it, and reads all rows.
    """
    last = "f" * 32 if not is_postgresql() else str(UUID(int=2**128 - 1))
    return f"{column} >= (SELECT {first_id_sql(instant)}) AND {column} <= '{last}'"


def price_sql(column: str) -> str:
    """SQL for a price in a list."""
    return f"({column} * {PRICE_UNIT})::bigint" if is_postgresql() else column


def numbers(answer: Any) -> Integers:
    """The integers of a list."""
    if isinstance(answer, str):
        return np.array(msgspec.json.decode(answer), np.int64)
    return np.frombuffer(answer or b"", ">i8").astype(np.int64)


def prices(answer: Any) -> Integers:
    """The integer prices of a list of `price_sql`. SQLite stores decimals as floats."""
    if isinstance(answer, str):
        floats = msgspec.json.decode(answer)
        return np.array([price_units(*_price((value,))) for value in floats], np.int64)
    return numbers(answer)


def price_units(price: Decimal) -> int:
    """A price of up to eight decimals as an integer."""
    return int(price.scaleb(8, EXACT))


def price_of(units: int) -> Decimal:
    """The price of which this is the integer."""
    return Decimal(units).scaleb(-8)


def is_exact(price: Decimal) -> bool:
    """Whether the integer of a price is all of it."""
    return price.scaleb(8, EXACT) == price_units(price)
