"""Building instruments, with their bonds and quotes, from the rows of one statement."""

from collections.abc import Collection

from be.database.rows import Reader, set_absent, set_related
from be.database.statements import Row
from exchange.models import Bond, Instrument, Quote

TABLES = (
    "exchange_instrument instrument "
    "LEFT JOIN exchange_bond bond ON bond.instrument_id = instrument.id "
    "LEFT JOIN exchange_quote quote ON quote.instrument_id = instrument.id"
)


class InstrumentReader:
    """Builds instruments from rows of a query over `TABLES`, with bond and quote, if there are any.

    `without_instrument` and `without_quote` name fields to leave out. As with the ORM's `defer`,
    they are fetched on first use.
    """

    def __init__(
        self,
        *,
        without_instrument: Collection[str] = (),
        without_quote: Collection[str] = (),
    ) -> None:
        self._instruments = Reader(Instrument, without=without_instrument)
        self._bonds = Reader(Bond)
        self._quotes = Reader(Quote, without=without_quote)
        self._bond_at = self._instruments.width
        self._quote_at = self._bond_at + self._bonds.width
        self.columns = ", ".join(
            (
                self._instruments.columns("instrument"),
                self._bonds.columns("bond"),
                self._quotes.columns("quote"),
            )
        )
        """The select list that `make` expects."""

    def make(self, row: Row) -> Instrument:
        """The instrument of a row."""
        instrument = self._instruments.make(row[: self._bond_at])
        bond, quote = row[self._bond_at : self._quote_at], row[self._quote_at :]
        if bond[0] is None:
            set_absent(instrument, "bond")
        else:
            _attach(instrument, "bond", self._bonds.make(bond))
        if quote[0] is None:
            set_absent(instrument, "quote")
        else:
            _attach(instrument, "quote", self._quotes.make(quote))
        return instrument


def _attach(instrument: Instrument, name: str, related: Bond | Quote) -> None:
    set_related(related, "instrument", instrument)
    set_related(instrument, name, related)
