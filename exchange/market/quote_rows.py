"""Quotes as one statement reads them, each with its instrument and its bond."""

from collections.abc import Collection

from be.database.rows import Reader, relate
from be.database.statements import Row
from exchange.models import Bond, Instrument, Quote

TABLES = (
    "exchange_quote quote "
    "JOIN exchange_instrument instrument ON instrument.id = quote.instrument_id "
    "LEFT JOIN exchange_bond bond ON bond.instrument_id = instrument.id"
)


class QuoteReader:
    """Makes quotes of rows that a query over `TABLES` has read, the instrument and bond in place.

    `without_quote` and `without_instrument` name fields that are not needed; the ORM fetches them
    if somebody asks for them after all.
    """

    def __init__(
        self,
        *,
        without_quote: Collection[str] = (),
        without_instrument: Collection[str] = (),
    ) -> None:
        self._quotes = Reader(Quote, without=without_quote)
        self._instruments = Reader(Instrument, without=without_instrument)
        self._bonds = Reader(Bond)
        self._bond_at = self._quotes.width + self._instruments.width
        self.width = self._bond_at + self._bonds.width
        self.columns = ", ".join(
            (
                self._quotes.columns("quote"),
                self._instruments.columns("instrument"),
                self._bonds.columns("bond"),
            )
        )
        """The select list for what `make` reads."""

    def make(self, row: Row) -> Quote:
        """The quote that the first `width` values of a row are."""
        quote = self._quotes.make(row[: self._quotes.width])
        instrument = self._instruments.make(row[self._quotes.width : self._bond_at])
        relate(quote, "instrument", instrument)
        if row[self._bond_at] is not None:
            self._bonds.make(row[self._bond_at : self.width]).instrument = instrument
        return quote
