"""The SQL of a customer's lists: pages of orders with their fills and legs, and of executions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from be.database import statements
from be.database.rows import Columns, Reader, set_related
from be.database.statements import Row
from exchange.models import OPEN_STATUSES, Execution, Instrument, Order, OrderClass, OrderStatus

# What documents show of an instrument, of an order, and of the order of a listed execution.
_instruments = Reader(
    Instrument,
    without=(
        "name",
        "currency",
        "quantity_increment",
        "min_quantity",
        "tradable",
        "status",
    ),
)
_orders = Reader(
    Order,
    without=(
        "client_order_version",
        "collar_price",
        "peak_price",
        "armed",
        "pair_id",
        "maker_fee_bps",
        "taker_fee_bps",
    ),
)
_executions = Reader(Execution)
_FILL = (
    "id",
    "order_id",
    "price",
    "accrued_interest",
    "quantity",
    "cents",
    "fee_cents",
    "liquidity",
    "executed_at",
)
_fill_values = Columns(Execution, _FILL)

_OPEN = f"status IN ({', '.join(repr(str(status)) for status in OPEN_STATUSES)})"


class Fill(NamedTuple):
    """What documents show of an execution, with what they show of its order."""

    id: UUID
    order_id: UUID
    price: Decimal
    accrued_interest: Decimal
    quantity: int
    cents: int
    fee_cents: int
    liquidity: str
    executed_at: datetime
    side: str
    instrument: Instrument

    @property
    def pk(self) -> UUID:
        """As of any row of a list."""
        return self.id


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which of a customer's orders are read; None is no condition."""

    order_id: UUID | None = None
    is_open: bool | None = None
    status: OrderStatus | None = None
    instrument_id: UUID | None = None
    side: str | None = None
    client_order_id: str | None = None
    updated_since: datetime | None = None

    def conditions(self) -> tuple[str, Row]:
        """SQL, which begins with AND where there is any, and its values.

        Statuses stand in the text: a partial index is found by them.
        """
        text = ""
        if self.is_open is not None:
            text += f" AND {'' if self.is_open else 'NOT '}{_OPEN}"
        if self.status is not None:
            text += f" AND status = '{OrderStatus(self.status)}'"
        values = []
        for condition, value in (
            ("id = %s", self.order_id),
            ("instrument_id = %s", self.instrument_id),
            ("side = %s", self.side),
            ("client_order_id = %s", self.client_order_id),
            ("updated_at >= %s", self.updated_since),
        ):
            if value is not None:
                text += f" AND {condition}"
                values.append(value)
        return text, tuple(values)


def orders(
    owner_id: UUID,
    wanted: OrderFilter,
    *,
    at_most: int,
    below: UUID | None = None,
    above: UUID | None = None,
) -> list[Order]:
    """Orders with instrument, fills and legs: the newest first, or the oldest above a key."""
    condition, values = wanted.conditions()
    page, more = _page("exchange_order", condition, below, above)
    found = _with_instruments(
        f"SELECT {_instruments.columns('i')}, {_orders.columns('o')} FROM ({page}) o "
        f"JOIN exchange_instrument i ON i.id = o.instrument_id ORDER BY o.id {_order(above)}",
        (owner_id, *values, *more, at_most),
    )
    load(found)
    return found


def these_orders(ids: Sequence[UUID]) -> list[Order]:
    """The orders of these ids, as `orders` reads them, newest first."""
    chosen, values = statements.is_in("o.id", ids)
    found = _with_instruments(
        f"SELECT {_instruments.columns('i')}, {_orders.columns('o')} FROM exchange_order o "
        f"JOIN exchange_instrument i ON i.id = o.instrument_id WHERE {chosen} ORDER BY o.id DESC",
        values,
    )
    load(found)
    return found


def _page(table: str, condition: str, below: Any, above: Any) -> tuple[str, Row]:
    """The rows of one owner's page, before anything is joined to them."""
    more: Row = ()
    for comparison, key in (("<", below), (">", above)):
        if key is not None:
            condition += f" AND id {comparison} %s"
            more = (*more, key)
    whose, in_order = statements.from_index("owner_id", "id", _order(above))
    return f"SELECT * FROM {table} WHERE {whose}{condition} ORDER BY {in_order} LIMIT %s", more


def _order(above: Any) -> str:
    return "DESC" if above is None else "ASC"


def _with_instruments(sql: str, values: Row) -> list[Order]:
    width = _instruments.width
    known: dict[Any, Instrument] = {}
    found = []
    for row in statements.query(sql, values):
        order = _orders.make(row[width:])
        instrument = known.get(row[0])
        if instrument is None:
            instrument = known[row[0]] = _instruments.make(row[:width])
        set_related(order, "instrument", instrument)
        found.append(order)
    return found


def load(orders: Sequence[Order]) -> None:
    """Read the fills and legs of these orders, for their documents."""
    legs = _legs(orders)
    both = [*orders, *legs]
    fills = _fills([order.pk for order in both if order.filled_quantity])
    legs_of: dict[UUID | None, list[Order]] = defaultdict(list)
    for leg in legs:
        legs_of[leg.parent_id].append(leg)
    for order in orders:
        order.loaded_legs = legs_of[order.pk]
        for leg in order.loaded_legs:
            set_related(leg, "instrument", order.instrument)
    for order in both:
        order.loaded_fills = fills.get(order.pk, [])


def _legs(orders: Sequence[Order]) -> list[Order]:
    """The legs of those of the orders that may have some, oldest first."""
    parents = [
        order.pk
        for order in orders
        if order.order_class != OrderClass.SIMPLE and order.parent_id is None
    ]
    if not parents:
        return []
    chosen, values = statements.is_in("leg.parent_id", parents)
    rows = statements.query(
        f"SELECT {_orders.columns('leg')} FROM exchange_order leg WHERE {chosen} ORDER BY leg.id",
        values,
    )
    return [_orders.make(row) for row in rows]


def _fills(orders: Sequence[UUID]) -> Mapping[UUID, list[Execution]]:
    """The executions of these orders, oldest first."""
    found: dict[UUID, list[Execution]] = defaultdict(list)
    if orders:
        chosen, values = statements.is_in("fill.order_id", orders)
        rows = statements.query(
            f"SELECT {_executions.columns('fill')} FROM exchange_execution fill "
            f"WHERE {chosen} ORDER BY fill.id",
            values,
        )
        for row in rows:
            fill = _executions.make(row)
            found[fill.order_id].append(fill)
    return found


def executions(
    owner_id: UUID, *, at_most: int, below: UUID | None = None, above: UUID | None = None
) -> list[Fill]:
    """Executions, the newest first, or the oldest above a key."""
    page, more = _page("exchange_execution", "", below, above)
    rows = statements.query(
        f"SELECT {', '.join(f'fill.{name}' for name in _FILL)}, o.side, "
        f"{_instruments.columns('i')} FROM ({page}) fill "
        "JOIN exchange_order o ON o.id = fill.order_id "
        f"JOIN exchange_instrument i ON i.id = o.instrument_id ORDER BY fill.id {_order(above)}",
        (owner_id, *more, at_most),
    )
    width = len(_FILL)
    known: dict[Any, Instrument] = {}
    found = []
    for row in rows:
        instrument = known.get(row[width + 1])
        if instrument is None:
            instrument = known[row[width + 1]] = _instruments.make(row[width + 1 :])
        found.append(Fill._make((*_fill_values.load(row[:width]), row[width], instrument)))
    return found
