"""The market of an order: an instrument, its locked quote and its fee rates."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from be.database import statements
from be.database.rows import as_uuid
from be.database.statements import Row
from exchange.market import quote_rows
from exchange.market.quote_rows import QuoteReader
from exchange.models import Instrument, InstrumentStatus, Quote
from exchange.trading.rules import fees
from exchange.trading.rules.fees import FeeRates

# These columns are for readers of quotes; trading does not need them.
_quotes = QuoteReader(
    without_quote=("previous_close", "open", "high", "low", "volume", "session_date"),
    without_instrument=("name", "currency"),
)

WORKING = "status IN ('new', 'partially_filled')"

CHANGE_QUOTES = statements.update(Quote, ("instrument_id", "bid_taken", "ask_taken", "unworked"))


def changed_quote(quote: Quote) -> Row:
    """What trading changes in a quote, as a row of `CHANGE_QUOTES`."""
    return (quote.pk, quote.bid_taken, quote.ask_taken, quote.unworked)


@dataclass(slots=True)
class Market:
    """An instrument with its locked quote, and the fee rates that an order in it gets."""

    quote: Quote
    instrument: Instrument
    fee_rates: FeeRates

    @property
    def is_active(self) -> bool:
        """Whether the instrument is not halted."""
        return bool(self.instrument.status == InstrumentStatus.ACTIVE)


def lock_market(*, symbol: str | None = None, instrument_id: UUID | None = None) -> Market | None:
    """Lock and read the quote of an instrument, by symbol or id; None if there is no quote."""
    key, value = ("symbol", symbol) if symbol is not None else ("id", instrument_id)
    rows = statements.query(_select_market(key), (value,))
    return _market(rows[0]) if rows else None


@cache
def _select_market(key: str) -> str:
    return (
        f"SELECT {_quotes.columns}, fee.maker_bps, fee.taker_bps FROM {quote_rows.TABLES} "
        "LEFT JOIN exchange_feeschedule fee ON fee.asset_class = instrument.asset_class "
        f"WHERE instrument.{key} = %s {statements.for_update('quote')}"
    )


def _market(row: Row) -> Market:
    quote = _quotes.make(row)
    instrument = quote.instrument
    maker_bps, taker_bps = row[_quotes.width :]
    if maker_bps is None:
        return Market(quote, instrument, fees.default_rates(instrument.asset_class))
    return Market(quote, instrument, FeeRates(maker_bps, taker_bps))


def read_status(market: Market) -> None:
    """Read the instrument's status again, under the quote's lock.

    The status that came with the quote can be older than the lock. A halt takes the same lock, so
    what is read now stays until the end of the transaction.
    """
    market.instrument.refresh_from_db(fields=["status", "tradable"])


def mark_unworked(instruments: Collection[UUID]) -> list[UUID]:
    """Mark as `unworked` those of these quotes that orders wait for; returns their ids."""
    chosen, values = statements.is_in("quote.instrument_id", [*instruments])
    of_quote = "SELECT 1 FROM exchange_order o WHERE o.instrument_id = quote.instrument_id AND"
    resting, armed = f"o.{WORKING} AND NOT o.armed", f"o.{WORKING} AND o.armed"
    rows = statements.query(
        f"UPDATE exchange_quote AS quote SET unworked = true WHERE {chosen} AND ("
        f"EXISTS ({of_quote} {resting} AND o.side = 'buy' AND o.limit_price >= quote.ask) OR "
        f"EXISTS ({of_quote} {resting} AND o.side = 'sell' AND o.limit_price <= quote.bid) OR "
        f"EXISTS ({of_quote} {armed} AND o.side = 'buy' AND o.stop_price <= quote.price) OR "
        f"EXISTS ({of_quote} {armed} AND o.side = 'sell' AND o.stop_price >= quote.price) OR "
        f"EXISTS ({of_quote} {armed} AND o.side = 'sell' AND o.peak_price < quote.price) OR "
        f"EXISTS ({of_quote} {armed} AND o.side = 'buy' AND o.peak_price > quote.price) OR "
        f"EXISTS ({of_quote} o.status = 'accepted')) RETURNING instrument_id",
        values,
    )
    return [as_uuid(row[0]) for row in rows]
