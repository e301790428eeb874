"""What taxes are computed from, written row by row: such an answer may be long."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from be.api.json_answers import encoded
from be.kernel.formats import money_cents, plain_units, time_text
from portfolio.adjusted_sales import YearSale
from portfolio.instants import time_of
from portfolio.rules.lots import LotMethod, term_between
from portfolio.rules.wash_sales import Replacement, SoldPart

Document = dict[str, Any]

ROWS_AT_ONCE = 500

R = TypeVar("R")


@dataclass(slots=True)
class WashSaleTotals:
    """Sums of the wash sales that have been listed, in cents."""

    sales: int = 0
    disallowed: int = 0
    long_term: int = 0

    def add(self, found: YearSale) -> None:
        """Count one more sale."""
        self.sales += 1
        for part in found.sale.parts:
            self.disallowed += part.disallowed
            if term_between(acquired=part.held_since, sold=found.sale.day) == "long":
                self.long_term += part.disallowed

    def document(self) -> Document:
        """The document of `WashSaleTotalsSerializer`."""
        return {
            "sales": self.sales,
            "disallowed_loss": money_cents(self.disallowed),
            "short_term_disallowed_loss": money_cents(self.disallowed - self.long_term),
            "long_term_disallowed_loss": money_cents(self.long_term),
        }


def wash_sales(sales: Iterable[YearSale], *, year: int, lot_method: LotMethod) -> Iterator[str]:
    """The document of `WashSalesSerializer`, of those of the sales that are wash sales."""
    totals = WashSaleTotals()

    def rows() -> Iterator[Document]:
        for each in sales:
            if any(part.replacements for part in each.sale.parts):
                totals.add(each)
                yield _wash_sale(each)

    return in_chunks({"year": year, "lot_method": lot_method.value}, rows(), totals.document)


def in_chunks(
    head: Document, rows: Iterator[Document], totals: Callable[[], Document | list[Document]]
) -> Iterator[str]:
    """A document of some fields, `results` and `totals`, which are asked for after all rows."""
    text, separator = encoded(head)[:-1].decode() + ',"results":[', ""
    for batch in in_batches(rows):
        if separator:
            yield text
            text = ""
        text += separator + encoded(batch)[1:-1].decode()
        separator = ","
    yield f'{text}],"totals":{encoded(totals()).decode()}}}'


def in_batches(rows: Iterator[R]) -> Iterator[list[R]]:
    """The rows, so many at once as a chunk of an answer has."""
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        yield batch


def _wash_sale(found: YearSale) -> Document:
    instrument, sale = found
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "id": sale.id,
        "sold_at": time_text(time_of(sale.sold)),
        "disallowed_loss": money_cents(sum(part.disallowed for part in sale.parts)),
        "parts": [_part(part, instrument.scale) for part in sale.parts if part.replacements],
    }


def _part(part: SoldPart, scale: int) -> Document:
    return {
        "lot_id": part.lot_id,
        "acquired_at": time_text(time_of(part.bought)),
        "held_since": part.held_since.isoformat(),
        "quantity": plain_units(part.units, scale),
        "proceeds": money_cents(part.proceeds),
        "cost_basis": money_cents(part.cost),
        "carried_loss": money_cents(part.carried),
        "loss": money_cents(part.loss),
        "washed_quantity": plain_units(part.washed, scale),
        "disallowed_loss": money_cents(part.disallowed),
        "replacements": [_replacement(each, scale) for each in part.replacements],
    }


def _replacement(each: Replacement, scale: int) -> Document:
    return {
        "lot_id": each.lot_id,
        "acquired_at": time_text(time_of(each.bought)),
        "quantity": plain_units(each.units, scale),
        "cost_basis": money_cents(each.cost),
        "disallowed_loss": money_cents(each.disallowed),
        "adjusted_cost_basis": money_cents(each.adjusted_cost),
        "held_since": each.held_since.isoformat(),
    }
