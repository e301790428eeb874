"""Values in dollars and whole cents: the only module of portfolio/ that rounds them."""

from datetime import datetime
from decimal import Decimal

from banking.rules.assets import EXACT
from exchange.market import quotes
from exchange.models import Instrument
from exchange.trading.rules import amounts

CENT = Decimal("0.01")
HUNDRED = Decimal(100)
# A price for one share is kept to as many decimals as the price of an execution.
UNIT_PLACES = Decimal("1e-8")


def dollars(instrument: Instrument, units: int, price: Decimal) -> Decimal:
    """Quantity × price / price_divisor, to the nearest cent, half to even."""
    value = amounts.exact_value(instrument.asset, units, price, instrument.price_divisor)
    # Adding zero turns a negative zero into zero.
    return value.quantize(CENT, context=EXACT) + 0


def market_value(
    instrument: Instrument, units: int, *, price: Decimal, accrued: Decimal
) -> Decimal:
    """The value of a quantity in dollars: its price, plus the interest that has accrued on it.

    `price` and `accrued` are per share or coin; of a bond, clean price and accrued interest per
    100 of face value. A bond is bought and sold at the sum of both.
    """
    value = dollars(instrument, units, price)
    return value + dollars(instrument, units, accrued) if accrued else value


def accrued_interest(instrument: Instrument, units: int, at: datetime) -> Decimal:
    """Dollars of interest that a quantity has accrued; zero for all but bonds."""
    return dollars(instrument, units, quotes.accrued_interest(instrument, at))


def unit_cost(instrument: Instrument, cost: Decimal, quantity: Decimal) -> Decimal | None:
    """Cost for one share or coin, or for 100 of a bond's face value, as prices are; to 1e-8."""
    if not quantity:
        return None
    exact = EXACT.divide(EXACT.multiply(cost, instrument.price_divisor), quantity)
    return exact.quantize(UNIT_PLACES, context=EXACT)


def percent(part: Decimal, of: Decimal) -> Decimal | None:
    """100 × part / of, or None if `of` is zero."""
    return HUNDRED * part / of if of else None
