"""Building quotes, with their instruments and bonds, from the rows of one statement."""

from collections.abc import Collection

from be.database.rows import Reader, set_related
from be.database.statements import Row
from exchange.models import Bond, Instrument, Quote

TABLES = (
    "exchange_quote quote "
    "JOIN exchange_instrument instrument ON instrument.id = quote.instrument_id "
    "LEFT JOIN exchange_bond bond ON bond.instrument_id = instrument.id"
)


class QuoteReader:
    """Builds quotes from rows of a query over `TABLES`, with instrument and bond attached.

    `without_quote` and `without_instrument` name fields to leave out. As with the ORM's `defer`,
    they are fetched on first use.
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
        """The select list that `make` expects."""

    def make(self, row: Row) -> Quote:
        """The quote in the first `width` values of a row."""
        quote = self._quotes.make(row[: self._quotes.width])
        instrument = self._instruments.make(row[self._quotes.width : self._bond_at])
        set_related(quote, "instrument", instrument)
        if row[self._bond_at] is not None:
            self._bonds.make(row[self._bond_at : self.width]).instrument = instrument
        return quote
