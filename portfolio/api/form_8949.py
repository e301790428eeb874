"""Form 8949 written line by line, as JSON and as CSV."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from banking.api.statement_csv import neutralised, written
from be.kernel.formats import money_cents, plain_units
from exchange.models import AssetClass
from portfolio.adjusted_sales import YearSale
from portfolio.api.tax_documents import Document, in_batches, in_chunks
from portfolio.rules import form_8949
from portfolio.rules.form_8949 import Line
from portfolio.rules.lots import LotMethod

COLUMNS = (
    "part",
    "box",
    "description",
    "date_acquired",
    "date_sold",
    "proceeds",
    "cost_basis",
    "code",
    "adjustment",
    "gain",
)
_UNITS = {AssetClass.STOCK: "sh. ", AssetClass.ETF: "sh. ", AssetClass.BOND: "face value "}


@dataclass(slots=True)
class BoxTotals:
    """Sums of the lines of one box, in cents."""

    part: str
    proceeds: int = 0
    basis: int = 0
    adjustment: int = 0

    def document(self, box: str) -> Document:
        """The document of `BoxTotalsSerializer`."""
        return {
            "part": self.part,
            "box": box,
            "proceeds": money_cents(self.proceeds),
            "cost_basis": money_cents(self.basis),
            "adjustment": money_cents(self.adjustment),
            "gain": money_cents(self.proceeds - self.basis + self.adjustment),
        }


@dataclass(slots=True)
class Totals:
    """Sums of the lines that have been listed, by box."""

    boxes: dict[str, BoxTotals] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Count one more line."""
        sums = self.boxes.setdefault(line.box, BoxTotals(line.part))
        sums.proceeds += line.proceeds
        sums.basis += line.basis
        sums.adjustment += line.adjustment

    def document(self) -> list[Document]:
        """The sums of each box that has lines, in the order of their letters."""
        return [self.boxes[box].document(box) for box in sorted(self.boxes)]


def as_json(sales: Iterable[YearSale], *, year: int, lot_method: LotMethod) -> Iterator[str]:
    """The document of `Form8949Serializer`."""
    totals = Totals()

    def rows() -> Iterator[Document]:
        for found, line in _lines(sales):
            totals.add(line)
            yield {
                **_figures(found, line, line.acquired.isoformat(), line.sold.isoformat()),
                "symbol": found.instrument.symbol,
                "quantity": plain_units(line.units, found.instrument.scale),
                "sale_id": found.sale.id,
                "lot_id": line.lot_id,
            }

    return in_chunks({"year": year, "lot_method": lot_method.value}, rows(), totals.document)


def as_csv(sales: Iterable[YearSale]) -> Iterator[str]:
    """A line of CSV for each line of the form, below the names of the columns.

    No line has sums: a program that reads it would take them for a sale.
    """
    text = written([COLUMNS])
    for batch in in_batches(_lines(sales)):
        yield text + written(_cells(*each) for each in batch)
        text = ""
    if text:
        yield text


def _lines(sales: Iterable[YearSale]) -> Iterator[tuple[YearSale, Line]]:
    for found in sales:
        is_digital_asset = found.instrument.asset_class == AssetClass.CRYPTO
        for line in form_8949.lines(found.sale, is_digital_asset=is_digital_asset):
            yield found, line


def _cells(found: YearSale, line: Line) -> list[str]:
    figures = _figures(found, line, _as_on_the_form(line.acquired), _as_on_the_form(line.sold))
    figures["description"] = neutralised(figures["description"])
    if not line.code:
        figures["adjustment"] = ""
    return [figures[column] for column in COLUMNS]


def _as_on_the_form(day: date) -> str:
    return f"{day:%m/%d}/{day.year:04d}"


def _figures(found: YearSale, line: Line, acquired: str, sold: str) -> dict[str, Any]:
    instrument = found.instrument
    quantity = plain_units(line.units, instrument.scale)
    unit = _UNITS.get(AssetClass(instrument.asset_class), "")
    return {
        "part": line.part,
        "box": line.box,
        "description": f"{quantity} {unit}{instrument.symbol}",
        "date_acquired": acquired,
        "date_sold": sold,
        "proceeds": money_cents(line.proceeds),
        "cost_basis": money_cents(line.basis),
        "code": line.code,
        "adjustment": money_cents(line.adjustment),
        "gain": money_cents(line.gain),
    }
