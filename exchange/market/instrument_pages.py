"""Pages of instruments with their bonds and quotes, by symbol, read by fixed SQL."""

from typing import Any

from django.db import connection

from be.database import statements
from exchange.market.instrument_rows import TABLES, InstrumentReader
from exchange.models import Instrument

_instruments = InstrumentReader()


def read(
    asset_class: str | None,
    search: str | None,
    *,
    at_most: int,
    after: str | None = None,
    before: str | None = None,
    is_reverse: bool = False,
) -> list[Instrument]:
    """Instruments in the order of their symbols: the first ones, or those after a symbol.

    Reversed: the last ones, or those before a symbol, backwards. `search` is a part of the symbol
    or of the name, in large or small letters.
    """
    conditions, values = ["true"], list[Any]()
    for condition, value in (
        ("instrument.asset_class = %s", asset_class),
        ("instrument.symbol > %s", after),
        ("instrument.symbol < %s", before),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if search:
        conditions.append(f"({_contains('instrument.symbol')} OR {_contains('instrument.name')})")
        values += [f"%{connection.ops.prep_for_like_query(search)}%"] * 2
    rows = statements.query(
        f"SELECT {_instruments.columns} FROM {TABLES} "  # noqa: S608 - fixed parts
        f"WHERE {' AND '.join(conditions)} "
        f"ORDER BY instrument.symbol {'DESC' if is_reverse else 'ASC'} LIMIT %s",
        (*values, at_most),
    )
    return [_instruments.make(row) for row in rows]


def _contains(column: str) -> str:
    """As the ORM's `icontains`."""
    if statements.is_postgresql():
        return f"upper({column}) LIKE upper(%s)"
    return f"{column} LIKE %s ESCAPE '\\'"
