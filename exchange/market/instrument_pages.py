"""Pages of instruments with their bonds and quotes, by symbol, read by fixed SQL."""

from typing import Any

from django.db import connection

from be.database import statements
from be.database.rows import Reader, set_absent
from exchange.models import Bond, Instrument, Quote

_instruments, _bonds, _quotes = Reader(Instrument), Reader(Bond), Reader(Quote)
_BOND_AT = _instruments.width
_QUOTE_AT = _BOND_AT + _bonds.width
_SELECT = (
    f"SELECT {_instruments.columns('instrument')}, {_bonds.columns('bond')}, "  # noqa: S608
    f"{_quotes.columns('quote')} FROM exchange_instrument instrument "
    "LEFT JOIN exchange_bond bond ON bond.instrument_id = instrument.id "
    "LEFT JOIN exchange_quote quote ON quote.instrument_id = instrument.id"
)


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
        f"{_SELECT} WHERE {' AND '.join(conditions)} "
        f"ORDER BY instrument.symbol {'DESC' if is_reverse else 'ASC'} LIMIT %s",
        (*values, at_most),
    )
    return [_made(row) for row in rows]


def _contains(column: str) -> str:
    """As the ORM's `icontains`."""
    if statements.is_postgresql():
        return f"upper({column}) LIKE upper(%s)"
    return f"{column} LIKE %s ESCAPE '\\'"


def _made(row: statements.Row) -> Instrument:
    instrument = _instruments.make(row[:_BOND_AT])
    if row[_BOND_AT] is None:
        set_absent(instrument, "bond")
    else:
        _bonds.make(row[_BOND_AT:_QUOTE_AT]).instrument = instrument
    if row[_QUOTE_AT] is None:
        set_absent(instrument, "quote")
    else:
        _quotes.make(row[_QUOTE_AT:]).instrument = instrument
    return instrument
