"""Pages of a customer's open lots and sales: rows that are stored, and those of new events."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple, TypeVar
from uuid import UUID

from portfolio import lot_rows
from portfolio.kept_lots import Lots
from portfolio.lot_rows import Page
from portfolio.rules.lots import Fold, OpenLot, Sale, Totals

R = TypeVar("R")


class PageLot(NamedTuple):
    """An open lot, the units of all lots before it, and the sums of its instrument."""

    symbol: str
    lot: OpenLot
    units_before: int
    totals: Totals


class PageSale(NamedTuple):
    """A sale and its instrument."""

    symbol: str
    sale: Sale


def open_lots(lots: Lots, page: Page) -> list[PageLot]:
    """The open lots of a page."""
    folds = _folds(lots, page)
    read = {lot.id: (each, lot) for each, fold in folds.items() for lot in fold.read_lots()}
    gone = {lot.id for fold in folds.values() for lot in fold.sold_out}
    stored = {
        row.lot.id: row
        for row in lot_rows.page_of_lots(
            lots.stored, page._replace(at_most=page.at_most + len(gone)), lots.matching
        )
        if row.lot.id not in gone
    }
    found = {key: (row.symbol, row.lot) for key, row in stored.items()}
    found |= {key: row for key, row in read.items() if key in stored or not row[1].read_units}
    changes = {symbol: _changes(fold) for symbol, fold in folds.items()}
    rows = []
    for symbol, lot in _of_page(found.values(), page, key=lambda row: row[1].id):
        onwards = stored[lot.id].units_onwards if lot.id in stored else 0
        if symbol in changes:
            onwards += changes[symbol](lot.number)
        totals = lots.totals(symbol)
        rows.append(PageLot(symbol, lot, totals.units - onwards, totals))
    return rows


def sales(lots: Lots, page: Page) -> list[PageSale]:
    """The sales of a page."""
    new = [
        PageSale(symbol, sale) for symbol, fold in _folds(lots, page).items() for sale in fold.sales
    ]
    stored = [PageSale(*row) for row in lot_rows.page_of_sales(lots.stored, page)]
    return _of_page([*stored, *new], page, key=lambda row: row.sale.id)


def _folds(lots: Lots, page: Page) -> dict[str, Fold]:
    return {symbol: fold for symbol, fold in lots.folds.items() if page.symbol in (None, symbol)}


def _changes(fold: Fold) -> Callable[[int], int]:
    """How many units more than are stored there are in the lots from a number onwards."""
    touched = sorted([*fold.read_lots(), *fold.sold_out], key=attrgetter("number"))
    numbers = [lot.number for lot in touched]
    reached = [*accumulate((lot.units_left - lot.read_units for lot in touched), initial=0)]
    return lambda number: reached[-1] - reached[bisect_left(numbers, number)]


def _of_page(rows: Iterable[R], page: Page, *, key: Callable[[R], str]) -> list[R]:
    within = [row for row in rows if _is_within(UUID(key(row)), page)]
    within.sort(key=key, reverse=page.above is None)
    return within[: page.at_most]


def _is_within(key: UUID, page: Page) -> bool:
    return (page.below is None or key < page.below) and (page.above is None or key > page.above)
