"""What fills cost or bring, and what must be held for the rest: the one place that rounds.

An order is rounded as a whole. The exact values of its fills are added, and the sum is rounded
once: up for what a customer pays, down for what a customer receives. A fill's cents are the
difference that it makes to the rounded sum. So an order is less than a cent away from its exact
value, whatever its fills are, and no sequence of tiny fills earns a cent.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from banking.rules.assets import EXACT, USD, Asset
from exchange.trading.rules.fees import BASIS_POINT

ZERO = Decimal(0)
CENT = Decimal("0.01")


def exact_value(asset: Asset, units: int, price: Decimal, divisor: Decimal) -> Decimal:
    """Dollars, not rounded: quantity × price / divisor; a bond's price with accrued interest."""
    quantity = asset.amount(units)
    return EXACT.divide(EXACT.multiply(quantity, price), divisor)


@dataclass(frozen=True, slots=True)
class Cash:
    """Whole cents: what moves for the securities, and the fee on top of it (or off it)."""

    cents: int
    fee_cents: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The exact value of an order's fills so far, and the exact fee on it, in dollars."""

    value: Decimal = ZERO
    fee: Decimal = ZERO

    def plus(self, value: Decimal, fee_bps: int) -> Self:
        fee = EXACT.multiply(EXACT.multiply(value, Decimal(fee_bps)), BASIS_POINT)
        return type(self)(EXACT.add(self.value, value), EXACT.add(self.fee, fee))

    def paid(self) -> Cash:
        """What a buyer has paid for these fills."""
        return Cash(USD.units_up(self.value), USD.units_up(self.fee))

    def received(self) -> Cash:
        """What a seller has received for these fills.

        The value less the fee is rounded down as one amount, so that no fill, however small, costs
        a seller money.
        """
        fee_cents = USD.units_up(self.fee)
        net_cents = USD.units_down(EXACT.subtract(self.value, self.fee))
        return Cash(net_cents + fee_cents, fee_cents)


def bought(before: Totals, after: Totals) -> Cash:
    """What the fill between two totals costs the buyer."""
    return _difference(before.paid(), after.paid()) if before.value else after.paid()


def sold(before: Totals, after: Totals) -> Cash:
    """What the fill between two totals brings the seller."""
    return _difference(before.received(), after.received()) if before.value else after.received()


def _difference(before: Cash, after: Cash) -> Cash:
    return Cash(after.cents - before.cents, after.fee_cents - before.fee_cents)


def cents_to_hold(totals: Totals, worst_value: Decimal, fee_bps: int) -> int:
    """Cents that cover the rest of a buy order in the worst case, after the fills in `totals`.

    `worst_value` is the value of the rest, in dollars, at the worst price that it may trade at.
    """
    worst = totals.plus(worst_value, fee_bps).paid()
    paid = totals.paid()
    return worst.cents + worst.fee_cents - paid.cents - paid.fee_cents
