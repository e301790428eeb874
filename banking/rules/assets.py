"""Assets and exact conversion between decimal amounts and the ledger's integers.

The ledger counts every asset in its smallest unit: dollars in cents, shares in millionths, coins in
hundred-millionths. Integers add up exactly in every database.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

# Wide enough for any product of a price and a quantity; the default 28 digits would round.
EXACT = Context(prec=80)


class InexactAmount(ValueError):
    """The amount has more decimals than the asset has units."""


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that can be owned: `code` ("USD", "AAPL") and the decimals of its smallest unit."""

    code: str
    scale: int

    def units(self, amount: Decimal) -> int:
        """The exact number of smallest units. Raises InexactAmount rather than round."""
        scaled = amount.scaleb(self.scale, EXACT)
        units = int(scaled)
        if units != scaled:
            raise InexactAmount(f"{self.code} has {self.scale} decimals")
        return units

    def amount(self, units: int) -> Decimal:
        """The decimal amount of `units`, with all of the asset's decimals."""
        return Decimal(units).scaleb(-self.scale, EXACT)

    def units_up(self, amount: Decimal) -> int:
        """Units, rounded up: what a customer must pay."""
        return int(amount.scaleb(self.scale, EXACT).to_integral_value(ROUND_CEILING, EXACT))

    def units_down(self, amount: Decimal) -> int:
        """Units, rounded down: what a customer receives."""
        return int(amount.scaleb(self.scale, EXACT).to_integral_value(ROUND_FLOOR, EXACT))


USD = Asset("USD", 2)


def canonical(code: str) -> str:
    """The code as it is stored, in capitals: `aapl` is AAPL. ASCII only, since `ı` is not I."""
    return code.upper() if code.isascii() else code
