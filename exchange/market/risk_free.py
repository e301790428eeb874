"""The risk-free rate: what the bill that matures next yields, or a setting."""

from datetime import datetime, timedelta

from django.conf import settings

from be.database import statements
from be.database.rows import Columns, Reader
from exchange.market import quotes
from exchange.market.rules import bonds, calendar
from exchange.models import Bond, Quote

# The Treasury's shortest regular bill. In the last days a cent of the price is percents a year.
SHORTEST = timedelta(weeks=4)

_bonds = Reader(Bond)
_price = Columns(Quote, ["price"]).load


def rate(now: datetime) -> float:
    """The risk-free rate a year, 0.04 for 4 %.

    RISK_FREE_RATE if it is set. Otherwise the yield to maturity, at its last price, of the bill (a
    bond without coupons) that matures first, of those that have four weeks left when today's trades
    settle; 0 if none is listed.
    """
    given: float | None = settings.RISK_FREE_RATE
    return _bill_yield(now) if given is None else given


def _bill_yield(now: datetime) -> float:
    settlement = calendar.settlement_date(now)
    rows = statements.query(
        f"SELECT {_bonds.columns('bond')}, quote.price FROM exchange_bond bond "  # noqa: S608
        "JOIN exchange_quote quote ON quote.instrument_id = bond.instrument_id "
        "WHERE bond.frequency = 0 AND bond.maturity_date >= %s ORDER BY bond.maturity_date LIMIT 1",
        (settlement + SHORTEST,),
    )
    for *bill, price in rows:
        terms = quotes.terms_of_bond(_bonds.make(bill))
        return bonds.yield_from_price(terms, settlement=settlement, clean_price=_price((price,))[0])
    return 0.0
