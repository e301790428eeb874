"""Quotes as clients see them, and whether they are fresh enough to trade on."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from banking.rules.assets import canonical
from be.kernel.formats import plain, price_text, time_text
from exchange.market import hours, instruments
from exchange.market.book import street_levels
from exchange.market.rules import bonds, calendar
from exchange.models import DayCount, Instrument, Quote, Side

Document = dict[str, Any]

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
    quotes: QuerySet[Quote] = Quote.objects.select_related(
        "instrument", "instrument__bond"
    ).order_by("instrument__symbol")
    if symbols is None:
        return list(quotes)
    wanted = {canonical(symbol) for symbol in symbols}
    found = list(quotes.filter(instrument__symbol__in=wanted))
    missing = wanted - {quote.instrument.symbol for quote in found}
    if missing:
        raise instruments.UnknownSymbol(
            f"There is no {', '.join(sorted(missing))}. See supported_symbols/.", field="symbols"
        )
    return found


def document(quote: Quote) -> Document:
    """The quote of the public API. Sizes are what is left at the best price."""
    instrument = quote.instrument
    asset, increment = instrument.asset, instrument.price_increment
    bid, bid_size = _best(instrument, quote, Side.SELL)
    ask, ask_size = _best(instrument, quote, Side.BUY)
    change = quote.price - quote.previous_close
    answer = {
        "symbol": instrument.symbol,
        "price": price_text(quote.price, increment),
        "bid": price_text(bid, increment),
        "ask": price_text(ask, increment),
        "bid_size": plain(asset.amount(bid_size)),
        "ask_size": plain(asset.amount(ask_size)),
        "previous_close": price_text(quote.previous_close, increment),
        "change": price_text(change, increment),
        "change_percent": f"{change / quote.previous_close * 100:.4f}",
        "open": price_text(quote.open, increment),
        "high": price_text(quote.high, increment),
        "low": price_text(quote.low, increment),
        "volume": plain(asset.amount(quote.volume)),
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
    accrued = accrued_interest(quote.instrument, quote.timestamp)
    try:
        fraction = bonds.yield_from_price(terms, settlement=settlement, clean_price=quote.price)
    except ValueError:  # no yield is defined at or after maturity
        return {"yield_to_maturity": None, "accrued_interest": plain(accrued)}
    return {"yield_to_maturity": f"{fraction:.6f}", "accrued_interest": plain(accrued)}


def terms_of(instrument: Instrument) -> bonds.BondTerms:
    """The terms of a bond instrument, for `rules/bonds.py`."""
    bond = instrument.bond
    return bonds.BondTerms(
        coupon_rate=bond.coupon_rate,
        issue_date=bond.issue_date,
        maturity_date=bond.maturity_date,
        frequency=bond.frequency,
        day_count="ActAct" if bond.day_count == DayCount.ACT_ACT else "30/360",
        face_value=bond.face_value,
    )


def accrued_interest(instrument: Instrument, at: datetime) -> Decimal:
    """Accrued interest per 100 of face value of a trade at `at`; zero for all but bonds."""
    if not instrument.is_bond:
        return Decimal(0)
    settlement = calendar.settlement_date(at)
    exact = bonds.accrued_interest(terms_of(instrument), settlement=settlement)
    return exact.quantize(ACCRUED_PLACES)


def most_accrued_interest(instrument: Instrument) -> Decimal:
    """The most interest that can accrue at any time: one coupon, per 100 of face value."""
    if not instrument.is_bond or not instrument.bond.frequency:
        return Decimal(0)
    return instrument.bond.coupon_rate * 100 / instrument.bond.frequency
