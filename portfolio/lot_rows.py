"""The SQL of stored lots: how they are read, in order and page by page, and how a fold goes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import transaction

from be.database import statements
from be.database.rows import as_json, as_uuid
from be.database.statements import Row
from portfolio.models import FoldedLot, FoldedPosition, FoldedSale, LotFold
from portfolio.rules import lot_methods, lots
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import RANK_DIGITS, Fold, LotMethod, OpenLot, Part, Sale, Totals

# Lots that are read together: a sale takes from one or two, as a rule.
BATCH = 50

WITHOUT_FEES = "-net"
"""What the names of those folds end with that have no fees in their costs."""

_TOTALS = tuple(field.name for field in fields(Totals))
_LOT = ("number", "purchase_id", "acquired", "units", "cost", "units_left", "cost_left")


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one customer's lots by one method: complete up to posting `through`.

    The sums are by symbol. `key` is 0 if nothing is stored. `fees_in_cost` is what the customer has
    chosen, and how events are to be read that are added to these lots.
    """

    key: int
    through: int
    totals: Mapping[str, Totals]
    fees_in_cost: bool


class Page(NamedTuple):
    """Which rows to read: `at_most` so many of one symbol or of all (None), by their ids.

    The newest first, below an id if one is given; or above one, the oldest first.
    """

    symbol: str | None
    at_most: int
    below: UUID | None = None
    above: UUID | None = None


class PageLot(NamedTuple):
    """A lot of a page. `units_onwards` is what is left of it and of all later ones."""

    symbol: str
    lot: OpenLot
    units_onwards: int


# Reading ----------------------------------------------------------------------------------------


def stored(owner_id: UUID, method: Matching) -> Stored:
    """What is stored by the method, with fees as the owner has chosen, all as of one moment."""
    names = (name(method, fees_in_cost=True), name(method, fees_in_cost=False))
    rows = statements.query(_STORED, (owner_id, owner_id, *names))
    totals = {
        symbol: Totals(units, cost, realized, purchases, last, bool(complete), fees)
        for _, _, _, symbol, units, cost, realized, purchases, last, complete, fees in rows
        if symbol is not None
    }
    fees_in_cost, key, through = rows[0][:3]
    return Stored(key or 0, through or 0, totals, bool(fees_in_cost))


def nothing(owner_id: UUID, method: Matching) -> Stored:
    """As if nothing was stored, with fees as the owner has chosen."""
    return Stored(0, 0, {}, stored(owner_id, method).fees_in_cost)


def name(method: Matching, fees_in_cost: bool) -> str:
    """What a fold is stored as: what has the one sort of costs is never read for the other."""
    return method.value if fees_in_cost else f"{method.value}{WITHOUT_FEES}"


# The choice comes with the lots: it costs no statement, and both are of one moment.
_STORED = (
    "SELECT chosen.fees_in_cost, fold.id, fold.through, position.symbol, "
    f"{', '.join(f'position.{name}' for name in _TOTALS)} "
    "FROM (SELECT coalesce((SELECT fees_in_cost FROM portfolio_portfoliosettings "
    "WHERE owner_id = %s), true) AS fees_in_cost) chosen "
    "LEFT JOIN portfolio_lotfold fold ON fold.owner_id = %s "
    "AND fold.lot_method = CASE WHEN chosen.fees_in_cost THEN %s ELSE %s END "
    "LEFT JOIN portfolio_foldedposition position ON position.fold_id = fold.id"
)


def is_current(read: Stored) -> bool:
    """Whether this is still what is stored; if so, all rows that were read since belong to it."""
    if not read.key:
        return True  # no rows could be read
    rows = statements.query("SELECT through FROM portfolio_lotfold WHERE id = %s", (read.key,))
    return rows == [(read.through,)]


def in_order(read: Stored, symbol: str, method: LotMethod) -> Iterator[OpenLot]:
    """The open lots of an instrument, in the order in which they are sold, read a few at a time."""
    sql, rank, number = _in_order_sql(method), "9" * (RANK_DIGITS + 1), 0
    if method is LotMethod.LIFO:
        number = 2**63 - 1
    while True:
        if method is LotMethod.HIFO:
            lower = (read.key, symbol, rank, BATCH)
            values: Row = (read.key, symbol, rank, number, BATCH, *lower, BATCH)
        else:
            values = (read.key, symbol, number, BATCH)
        rows = statements.query(sql, values)
        for row in rows:
            yield _lot(row)
        if len(rows) < BATCH:
            return
        number, rank = rows[-1][0], rows[-1][-1]


@cache
def _in_order_sql(method: LotMethod) -> str:
    order = "rank DESC, number"
    if method is LotMethod.LIFO:
        return _batch_sql("rank = '' AND number < %s", "rank, number DESC")
    if method is not LotMethod.HIFO:
        return _batch_sql("rank = '' AND number > %s", order)
    # The rest of the last lot's rank, and apart from it what comes after: by one condition for both
    # the database would pass over all lots of that rank again for each batch.
    same, lower = _batch_sql("rank = %s AND number > %s", order), _batch_sql("rank < %s", order)
    both = f"SELECT * FROM ({same}) same UNION ALL SELECT * FROM ({lower}) lower"
    return f"SELECT * FROM ({both}) batch ORDER BY {order} LIMIT %s"


def _batch_sql(after: str, order: str) -> str:
    return (
        f"SELECT {', '.join(_LOT)}, rank FROM portfolio_foldedlot "
        f"WHERE fold_id = %s AND symbol = %s AND {after} ORDER BY {order} LIMIT %s"
    )


def _lot(row: Row) -> OpenLot:
    number, key, acquired, units, cost, units_left, cost_left = row[: len(_LOT)]
    return OpenLot(
        number, str(as_uuid(key)), acquired, units, cost, units_left, cost_left, units_left
    )


def one(read: Stored, symbol: str, lot_id: str) -> OpenLot | None:
    """The open lot of this id, if it is one of the instrument."""
    rows = statements.query(_ONE, (read.key, UUID(lot_id), symbol))
    return _lot(rows[0]) if rows else None


_ONE = (
    f"SELECT {', '.join(_LOT)} FROM portfolio_foldedlot "
    "WHERE fold_id = %s AND purchase_id = %s AND symbol = %s"
)


def page_of_lots(read: Stored, page: Page, method: Matching) -> list[PageLot]:
    """The stored lots of a page."""
    # Only within one rank the index is in the order of numbers.
    one_rank = "" if lot_methods.may_rank(method) else " AND lot.rank = ''"
    where, values, order = _within(page, "purchase_id")
    rows = statements.query(
        f"WITH page AS (SELECT * FROM portfolio_foldedlot WHERE fold_id = %s{where} "
        f"ORDER BY purchase_id {order} LIMIT %s), "
        # Each row and the lots between it and the next one of the page: each lot is read once.
        f"ranges AS (SELECT page.*, lead(number, 1, {2**63 - 1}) OVER "
        "(PARTITION BY symbol ORDER BY number) AS next_number FROM page), "
        "sums AS (SELECT ranges.*, (SELECT sum(lot.units_left) FROM portfolio_foldedlot lot "
        f"WHERE lot.fold_id = ranges.fold_id AND lot.symbol = ranges.symbol{one_rank} "
        "AND lot.number >= ranges.number AND lot.number < ranges.next_number) AS units_between "
        f"FROM ranges) SELECT {', '.join(_LOT)}, symbol, sum(units_between) OVER "
        "(PARTITION BY symbol ORDER BY number DESC) FROM sums "
        f"ORDER BY purchase_id {order}",
        (read.key, *values, page.at_most),
    )
    # PostgreSQL adds up integers to a decimal.
    return [PageLot(row[-2], _lot(row), int(row[-1])) for row in rows]


def page_of_sales(read: Stored, page: Page) -> list[tuple[str, Sale]]:
    """The stored sales of a page, with their symbols."""
    where, values, order = _within(page, "sale_id")
    rows = statements.query(
        "SELECT symbol, sale_id, sold, parts FROM portfolio_foldedsale "
        f"WHERE fold_id = %s{where} ORDER BY sale_id {order} LIMIT %s",
        (read.key, *values, page.at_most),
    )
    return [
        (symbol, Sale(str(as_uuid(key)), sold, [Part(*part) for part in as_json(parts)]))
        for symbol, key, sold, parts in rows
    ]


def _within(page: Page, key: str) -> tuple[str, Row, str]:
    """The condition for a page, its values, and the order."""
    given = [
        (" AND symbol = %s", page.symbol),
        (f" AND {key} < %s", page.below),
        (f" AND {key} > %s", page.above),
    ]
    asked = [(sql, value) for sql, value in given if value is not None]
    order = "DESC" if page.above is None else "ASC"
    return "".join(sql for sql, _ in asked), tuple(value for _, value in asked), order


# Writing ----------------------------------------------------------------------------------------

_PUT_POSITIONS = statements.insert(
    FoldedPosition,
    ("fold_id", "symbol", *_TOTALS),
    suffix="ON CONFLICT (fold_id, symbol) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _TOTALS),
)
_INSERT_LOTS = statements.insert(FoldedLot, ("fold_id", "symbol", *_LOT, "rank"))
_CHANGE_LOTS = statements.update(
    FoldedLot,
    ("purchase_id", "fold_id", "units", "cost", "units_left", "cost_left", "rank"),
    sets="units = given.units, cost = given.cost, units_left = given.units_left, "
    "cost_left = given.cost_left, rank = given.rank",
    where="old.fold_id = given.fold_id",
)
_INSERT_SALES = statements.insert(FoldedSale, ("fold_id", "symbol", "sale_id", "sold", "parts"))


@transaction.atomic
def begin(owner_id: UUID, method: Matching, *, fees_in_cost: bool) -> None:
    """Store an empty fold, if none is stored."""
    fold = LotFold(owner_id=owner_id, lot_method=name(method, fees_in_cost), through=0)
    LotFold.objects.bulk_create([fold], ignore_conflicts=True)


@transaction.atomic
def advance(read: Stored, through: int, folds: Mapping[str, Fold]) -> bool:
    """Store what has become of `read` by the postings up to `through`.

    Returns whether it was still what is stored: of two that do this at once, one does it.
    """
    rows = LotFold.objects.filter(pk=read.key, through=read.through)
    if not rows.update(through=through):
        return False
    for symbol, fold in folds.items():
        _remove(read.key, symbol, fold)
    statements.run(
        (_PUT_POSITIONS, [_position(read.key, *each) for each in folds.items()]),
        (_INSERT_LOTS, [row for each in folds.items() for row in _new_lots(read.key, *each)]),
        (_CHANGE_LOTS, [row for each in folds.values() for row in _changed_lots(read.key, each)]),
        (_INSERT_SALES, [row for each in folds.items() for row in _new_sales(read.key, *each)]),
    )
    return True


def _remove(key: int, symbol: str, fold: Fold) -> None:
    """Remove the lots that are sold out, or all rows of a history that is incomplete."""
    if not fold.totals.complete:
        FoldedSale.objects.filter(fold=key, symbol=symbol).delete()
        FoldedLot.objects.filter(fold=key, symbol=symbol).delete()
    elif fold.sold_out:
        sold_out = [UUID(lot.id) for lot in fold.sold_out]
        FoldedLot.objects.filter(fold=key, purchase_id__in=sold_out).delete()


def _position(key: int, symbol: str, fold: Fold) -> Row:
    return (key, symbol, *(getattr(fold.totals, name) for name in _TOTALS))


def _new_lots(key: int, symbol: str, fold: Fold) -> Iterator[Row]:
    for lot in fold.read_lots():
        if not lot.read_units:
            purchase = (lot.number, UUID(lot.id), lot.acquired)
            yield (key, symbol, *purchase, *_left(lot), _rank(lot, fold.method))


def _changed_lots(key: int, fold: Fold) -> Iterator[Row]:
    for lot in fold.read_lots():
        if lot.read_units and lot.is_changed:
            yield (UUID(lot.id), key, *_left(lot), _rank(lot, fold.method))


def _left(lot: OpenLot) -> Row:
    return (lot.units, lot.cost, lot.units_left, lot.cost_left)


def _rank(lot: OpenLot, method: LotMethod) -> str:
    if method is not LotMethod.HIFO:
        return ""
    return f"{lots.rank(lot):0{RANK_DIGITS}}"


def _new_sales(key: int, symbol: str, fold: Fold) -> Iterator[Row]:
    for sale in fold.sales:
        parts = msgspec.json.encode(sale.parts).decode()
        yield (key, symbol, UUID(sale.id), sale.sold, parts)


@transaction.atomic
def remove(owner_id: UUID) -> None:
    """Remove everything that is stored of the owner's lots."""
    folds = LotFold.objects.filter(owner=owner_id)
    # Locked, so that nobody who goes on from them at this moment leaves rows behind.
    list(folds.select_for_update().order_by("pk").values_list("pk"))
    folds.delete()


@transaction.atomic
def remove_own(owner_id: UUID) -> None:
    """Remove what is stored by the methods that the owner has chosen, of all versions."""
    folds = LotFold.objects.filter(owner=owner_id, lot_method__startswith=lot_methods.OWN)
    list(folds.select_for_update().order_by("pk").values_list("pk"))
    folds.delete()
