"""Instruments with their bonds and quotes, by fixed SQL."""

from collections.abc import Sequence

from be.database import statements
from be.database.rows import Reader, set_absent, set_related
from be.database.statements import Row
from exchange.models import Bond, Instrument, Quote

# What a portfolio needs of each; the ORM reads the other columns at their first use.
_instruments = Reader(
    Instrument,
    without=("currency", "quantity_increment", "min_quantity", "tradable", "status"),
)
_bonds = Reader(Bond)
_quotes = Reader(
    Quote,
    without={field.name for field in Quote._meta.concrete_fields}
    - {"instrument", "price", "previous_close", "session_date"},
)
_BOND_AT = _instruments.width
_QUOTE_AT = _BOND_AT + _bonds.width


def by_symbols(symbols: Sequence[str]) -> list[Instrument]:
    """The instruments with these symbols, by symbol, with `bond` and `quote` loaded if they are."""
    if not symbols:
        return []
    condition, values = statements.is_in("instrument.symbol", [*symbols])
    rows = statements.query(
        f"SELECT {_instruments.columns('instrument')}, {_bonds.columns('bond')}, "
        f"{_quotes.columns('quote')} FROM exchange_instrument instrument "
        "LEFT JOIN exchange_bond bond ON bond.instrument_id = instrument.id "
        "LEFT JOIN exchange_quote quote ON quote.instrument_id = instrument.id "
        f"WHERE {condition} ORDER BY instrument.symbol",
        values,
    )
    return [_instrument(row) for row in rows]


def _instrument(row: Row) -> Instrument:
    instrument = _instruments.make(row[:_BOND_AT])
    for name, reader, start in (("bond", _bonds, _BOND_AT), ("quote", _quotes, _QUOTE_AT)):
        if row[start] is None:
            set_absent(instrument, name)
        else:
            related = reader.make(row[start : start + reader.width])
            set_related(related, "instrument", instrument)
            set_related(instrument, name, related)
    return instrument
