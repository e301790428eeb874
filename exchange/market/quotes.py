"""Quotes as clients see them, and whether they are fresh enough to trade on."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.conf import settings

from banking.rules.assets import canonical
from be.database import statements
from be.kernel.formats import plain, plain_units, price_text, time_text
from exchange.market import hours, instruments, quote_rows
from exchange.market.book import street_levels
from exchange.market.quote_rows import QuoteReader
from exchange.market.rules import bonds, calendar
from exchange.models import Bond, DayCount, Instrument, Quote, Side

Document = dict[str, Any]

_quotes = QuoteReader()

# As many places as an execution stores, so that traded values can be reproduced exactly.
ACCRUED_PLACES = Decimal("1e-8")


def is_fresh(quote: Quote, now: datetime) -> bool:
    """Whether an order may trade on the quote now, or has to wait for the next one.

    Outside of market hours no quote is fresh.
    """
    if not hours.is_open(quote.instrument.asset_class, now):
        return False
    age = (now - quote.timestamp).total_seconds()
    return bool(age <= settings.QUOTE_MAX_AGE_SECONDS)


def current(symbols: Sequence[str] | None = None) -> list[Quote]:
    """The newest quotes, ordered by symbol: of all instruments or of `symbols`.

    Raises instruments.UnknownSymbol that names every symbol without a quote.
    """
    if symbols is None:
        return _read("true", ())
    wanted = {canonical(symbol) for symbol in symbols}
    found = _read(*statements.is_in("instrument.symbol", sorted(wanted)))
    missing = wanted - {quote.instrument.symbol for quote in found}
    if missing:
        raise instruments.UnknownSymbol(
            f"There is no {', '.join(sorted(missing))}. See supported_symbols/.", field="symbols"
        )
    return found


def _read(which: str, values: statements.Row) -> list[Quote]:
    rows = statements.query(
        f"SELECT {_quotes.columns} FROM {quote_rows.TABLES} "  # noqa: S608
        f"WHERE {which} ORDER BY instrument.symbol",
        values,
    )
    return [_quotes.make(row) for row in rows]


def document(quote: Quote) -> Document:
    """The quote of the public API. Sizes are what is left at the best price."""
    instrument = quote.instrument
    increment = instrument.price_increment
    bid, bid_size = _best(instrument, quote, Side.SELL)
    ask, ask_size = _best(instrument, quote, Side.BUY)
    change = quote.price - quote.previous_close
    answer = {
        "symbol": instrument.symbol,
        "price": price_text(quote.price, increment),
        "bid": price_text(bid, increment),
        "ask": price_text(ask, increment),
        "bid_size": plain_units(bid_size, instrument.scale),
        "ask_size": plain_units(ask_size, instrument.scale),
        "previous_close": price_text(quote.previous_close, increment),
        "change": price_text(change, increment),
        "change_percent": f"{change / quote.previous_close * 100:.4f}",
        "open": price_text(quote.open, increment),
        "high": price_text(quote.high, increment),
        "low": price_text(quote.low, increment),
        "volume": plain_units(quote.volume, instrument.scale),
        "timestamp": time_text(quote.timestamp),
        "sequence": quote.sequence,
    }
    if instrument.is_bond:
        answer |= _bond_figures(quote)
    return answer


def _best(instrument: Instrument, quote: Quote, side: Side) -> tuple[Decimal, int]:
    """The best price and the units left there; the quote's price and zero when all were taken."""
    taken, price, size = (
        (quote.ask_taken, quote.ask, quote.ask_size)
        if side == Side.BUY
        else (quote.bid_taken, quote.bid, quote.bid_size)
    )
    if not taken:
        return price, size
    best = next(street_levels(instrument, quote, side), None)
    return (price, 0) if best is None else (best.price, best.units)


def _bond_figures(quote: Quote) -> Document:
    terms = terms_of(quote.instrument)
    settlement = calendar.settlement_date(quote.timestamp)
    return {
        "yield_to_maturity": _yield_text(terms, settlement, quote.price),
        "accrued_interest": plain(_accrued(terms, settlement)),
    }


def terms_of(instrument: Instrument) -> bonds.BondTerms:
    """The terms of a bond instrument, for `rules/bonds.py`."""
    return terms_of_bond(instrument.bond)


def terms_of_bond(bond: Bond) -> bonds.BondTerms:
    return _terms(
        bond.coupon_rate,
        bond.issue_date,
        bond.maturity_date,
        bond.frequency,
        bond.day_count,
        bond.face_value,
    )


# What is remembered here depends on nothing but the arguments.
@lru_cache(maxsize=8192)
def _terms(
    coupon_rate: Decimal,
    issue_date: date,
    maturity_date: date,
    frequency: int,
    day_count: str,
    face_value: Decimal,
) -> bonds.BondTerms:
    return bonds.BondTerms(
        coupon_rate=coupon_rate,
        issue_date=issue_date,
        maturity_date=maturity_date,
        frequency=frequency,
        day_count="ActAct" if day_count == DayCount.ACT_ACT else "30/360",
        face_value=face_value,
    )


@lru_cache(maxsize=8192)
def _accrued(terms: bonds.BondTerms, settlement: date) -> Decimal:
    return bonds.accrued_interest(terms, settlement=settlement).quantize(ACCRUED_PLACES)


@lru_cache(maxsize=8192)
def _yield_text(terms: bonds.BondTerms, settlement: date, price: Decimal) -> str | None:
    try:
        fraction = bonds.yield_from_price(terms, settlement=settlement, clean_price=price)
    except ValueError:  # no yield is defined at or after maturity
        return None
    return f"{fraction:.6f}"


def accrued_interest(instrument: Instrument, at: datetime) -> Decimal:
    """Accrued interest per 100 of face value of a trade at `at`; zero for all but bonds."""
    if not instrument.is_bond:
        return Decimal(0)
    return _accrued(terms_of(instrument), calendar.settlement_date(at))


def most_accrued_interest(instrument: Instrument) -> Decimal:
    """The most interest that can accrue at any time: one coupon, per 100 of face value."""
    if not instrument.is_bond or not instrument.bond.frequency:
        return Decimal(0)
    return instrument.bond.coupon_rate * 100 / instrument.bond.frequency
