"""Instruments with their bonds and quotes, by fixed SQL."""

from collections.abc import Sequence

from be.database import statements
from exchange.market.instrument_rows import TABLES, InstrumentReader
from exchange.models import Instrument, Quote

# What a portfolio needs of each; the ORM reads the other columns at their first use.
_instruments = InstrumentReader(
    without_instrument=("currency", "quantity_increment", "min_quantity", "tradable", "status"),
    without_quote={field.name for field in Quote._meta.concrete_fields}
    - {"instrument", "price", "previous_close", "session_date"},
)


def by_symbols(symbols: Sequence[str]) -> list[Instrument]:
    """The instruments with these symbols, by symbol, with `bond` and `quote` loaded if they are."""
    if not symbols:
        return []
    condition, values = statements.is_in("instrument.symbol", [*symbols])
    rows = statements.query(
        f"SELECT {_instruments.columns} FROM {TABLES} WHERE {condition} ORDER BY instrument.symbol",
        values,
    )
    return [_instruments.make(row) for row in rows]
