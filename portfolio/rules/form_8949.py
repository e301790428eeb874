"""Form 8949, "Sales and Other Dispositions of Capital Assets": the lines of a sale.

By the instructions of the IRS for the form: short-term sales are in part I, long-term ones in part
II, each on the sheet whose box says what the broker has reported. Nothing is reported here (no Form
1099-B or 1099-DA), which is box C or F; of digital assets, from the tax year 2025 on, box I or L.

A disallowed wash sale loss is the adjustment in column (g), above zero, with code W in column (f);
columns (d) and (e) have the whole proceeds and basis, and column (h) is (d) - (e) + (g).
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from portfolio.rules.lots import term_between
from portfolio.rules.wash_sales import AdjustedSale

WASH_SALE = "W"
FIRST_YEAR_OF_DIGITAL_ASSETS = 2025

_PARTS = {"short": "I", "long": "II"}
_BOXES = {"short": "C", "long": "F"}
_BOXES_OF_DIGITAL_ASSETS = {"short": "I", "long": "L"}


class Line(NamedTuple):
    """One line of the form, in cents: units of a sale out of one lot.

    `acquired` is the trade date of the purchase; where the shares had replaced others in a wash
    sale, it is earlier by the time for which those were held. So the term follows from the dates.
    """

    part: str
    box: str
    lot_id: str
    units: int
    acquired: date
    sold: date
    proceeds: int
    basis: int
    code: str
    adjustment: int

    @property
    def gain(self) -> int:
        """Column (h); below zero, a loss that can be deducted."""
        return self.proceeds - self.basis + self.adjustment


def lines(sale: AdjustedSale, *, is_digital_asset: bool) -> Iterator[Line]:
    """The lines of a sale, one for each part."""
    boxes = _BOXES
    if is_digital_asset and sale.day.year >= FIRST_YEAR_OF_DIGITAL_ASSETS:
        boxes = _BOXES_OF_DIGITAL_ASSETS
    for part in sale.parts:
        term = term_between(acquired=part.held_since, sold=sale.day)
        yield Line(
            part=_PARTS[term],
            box=boxes[term],
            lot_id=part.lot_id,
            units=part.units,
            acquired=part.held_since,
            sold=sale.day,
            proceeds=part.proceeds,
            basis=part.cost + part.carried,
            code=WASH_SALE if part.replacements else "",
            adjustment=part.disallowed,
        )
