"""The SQL behind orders: how they are found, locked and written."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import Q

from banking.models import Hold
from be.database import statements
from be.database.rows import Reader, as_uuid, set_related
from be.database.statements import Row
from exchange.models import (
    OPEN_STATUSES,
    Execution,
    Instrument,
    Order,
    OrderFeed,
    Side,
)
from exchange.trading.rows.markets import WORKING, Market

_orders, _holds = Reader(Order), Reader(Hold)

# Leaves out an exit whose other exit is a stop that this price reaches.
WITHOUT_OTHER_EXIT_AT = (
    " AND NOT EXISTS (SELECT 1 FROM exchange_order other "
    "WHERE other.pair_id = exchange_order.pair_id AND other.armed AND other.stop_price >= %s "
    "AND other.status IN ('accepted', 'new', 'partially_filled'))"
)

NEW_COLUMNS = tuple(field.column for field in Order._meta.concrete_fields)
CHANGING_COLUMNS = (
    "quantity",
    "collar_price",
    "stop_price",
    "peak_price",
    "armed",
    "parent_id",
    "replaced_by_id",
    "status",
    "filled_quantity",
    "reject_reason",
    "updated_at",
    "filled_at",
    "canceled_at",
    "expires_at",
)
EXECUTION_COLUMNS = tuple(field.column for field in Execution._meta.concrete_fields)

INSERT_ORDERS = statements.insert(Order, NEW_COLUMNS)
CHANGE_ORDERS = statements.update(Order, ("id", *CHANGING_COLUMNS))
INSERT_EXECUTIONS = statements.insert(Execution, EXECUTION_COLUMNS)
MOVE_STOPS = statements.update(Order, ("id", "peak_price", "stop_price"))
COUNT_UPDATES = statements.insert(
    OrderFeed,
    ("owner_id", "sequence"),
    suffix="ON CONFLICT (owner_id) DO UPDATE "
    "SET sequence = exchange_orderfeed.sequence + excluded.sequence",
    returning=("owner_id", "sequence"),
)
"""Rows of (owner, number of new updates); returns (owner, number of the owner's last update)."""

# From the attributes of a model instance, the values of its row.
_values_of_new_order: Callable[[dict[str, Any]], Row] = itemgetter(
    *(field.attname for field in Order._meta.concrete_fields)
)
_values_of_changed_order: Callable[[dict[str, Any]], Row] = itemgetter("id", *CHANGING_COLUMNS)
_values_of_new_execution: Callable[[dict[str, Any]], Row] = itemgetter(
    *(field.attname for field in Execution._meta.concrete_fields)
)


def new_order(order: Order) -> Row:
    return _values_of_new_order(order.__dict__)


def changed_order(order: Order) -> Row:
    return _values_of_changed_order(order.__dict__)


def new_execution(execution: Execution) -> Row:
    return _values_of_new_execution(execution.__dict__)


def lock_makers(
    market: Market, *, side: str, worst: Decimal, at_most: int, now: datetime
) -> tuple[list[Order], bool]:
    """The resting orders that an order of `side` may trade with, down to the price `worst`.

    Best price first, then oldest first; they are locked in the order of their ids. The second value
    says whether there may be more than these: one can be canceled while its lock is waited for, so
    that fewer than `at_most` does not mean all. An order whose time is up is left out, even if no
    round has ended it yet. The instrument's status is read again in the same query, under the
    quote's lock (as `markets.read_status` does).
    """
    instrument = market.instrument
    rows = statements.query(
        _select_makers(side), (instrument.pk, worst, now, at_most, instrument.pk)
    )
    instrument.status, instrument.tradable = rows[0][0], bool(rows[0][1])
    found = [_order(row[3:], instrument) for row in rows if row[3] is not None]
    sign = 1 if side == Side.BUY else -1
    best_first = sorted(found, key=lambda order: (sign * (order.limit_price or 0), order.pk))
    return best_first, rows[0][2] == at_most


@cache
def _select_makers(side: str) -> str:
    maker_side, reach, direction = (
        ("sell", "<=", "ASC") if side == Side.BUY else ("buy", ">=", "DESC")
    )
    return (
        "WITH best AS (SELECT id FROM exchange_order WHERE instrument_id = %s "
        f"AND side = '{maker_side}' AND {WORKING} AND NOT armed AND limit_price {reach} %s "
        "AND (expires_at IS NULL OR expires_at > %s) "
        f"ORDER BY limit_price {direction}, id LIMIT %s), "
        f"met AS (SELECT {_orders.columns('resting')} FROM exchange_order resting "
        "WHERE resting.id IN (SELECT id FROM best) "
        f"AND {WORKING} ORDER BY resting.id {statements.for_update()}) "
        "SELECT instrument.status, instrument.tradable, (SELECT count(*) FROM best), met.* "
        "FROM exchange_instrument instrument LEFT JOIN met ON true WHERE instrument.id = %s"
    )


def _order(row: Row, instrument: Instrument) -> Order:
    order = _orders.make(row)
    set_related(order, "instrument", instrument)
    return order


def lock_crossed(
    market: Market, *, side: str, at_most: int, without: Collection[UUID], now: datetime
) -> list[Order]:
    """Resting orders of `side` whose limit the street has reached, locked, best and oldest first.

    A take-profit whose stop-loss the same bar reaches too is left out: the worse exit is first.
    """
    quote = market.quote
    left_out, low = (
        ("", ()) if quote.low_ahead is None else (WITHOUT_OTHER_EXIT_AT, (quote.low_ahead,))
    )
    price, reach, direction = (
        (quote.ask, ">=", "DESC") if side == Side.BUY else (quote.bid, "<=", "ASC")
    )
    found = _lock(
        market,
        f"side = '{side}' AND {WORKING} AND NOT armed AND limit_price {reach} %s{left_out}",
        (price, *low),
        f"limit_price {direction}, id",
        at_most,
        without,
        now,
    )
    sign = -1 if side == Side.BUY else 1
    return sorted(found, key=lambda order: (sign * (order.limit_price or 0), order.pk))


def has_other_exit_at(order: Order, low: Decimal) -> bool:
    """Whether the other exit of its pair is a stop that a price of `low` reaches."""
    if order.pair_id is None:
        return False
    others = Order.objects.filter(pair_id=order.pair_id, status__in=OPEN_STATUSES)
    return others.filter(armed=True, stop_price__gte=low).exists()


def lock_triggered(
    market: Market, *, at_most: int, without: Collection[UUID], now: datetime
) -> list[Order]:
    """Armed orders whose stop price has traded, oldest first, locked."""
    price = market.quote.price
    return _lock(
        market,
        f"{WORKING} AND armed AND (side = 'buy' AND stop_price <= %s "
        "OR side = 'sell' AND stop_price >= %s)",
        (price, price),
        "id",
        at_most,
        without,
        now,
    )


def lock_waiting(
    market: Market, *, at_most: int, without: Collection[UUID], now: datetime
) -> list[Order]:
    """Orders that were accepted without a fresh quote to trade on, oldest first, locked."""
    return _lock(market, "status = 'accepted'", (), "id", at_most, without, now)


def lock_trailing(market: Market, *, at_most: int, now: datetime) -> list[Order]:
    """Trailing stops whose peak the market has passed, locked."""
    price = market.quote.price
    return _lock(
        market,
        f"{WORKING} AND armed AND peak_price IS NOT NULL "
        "AND (side = 'sell' AND peak_price < %s OR side = 'buy' AND peak_price > %s)",
        (price, price),
        "id",
        at_most,
        (),
        now,
    )


def _lock(
    market: Market,
    condition: str,
    values: Row,
    order_by: str,
    at_most: int,
    without: Collection[UUID],
    now: datetime,
) -> list[Order]:
    """Lock orders of the market by a condition; those whose time is up are left out."""
    left_out, skipped = statements.is_in("id", [*without])
    rows = statements.query(
        f"SELECT {_orders.columns('found')} FROM exchange_order found WHERE found.id IN "
        "(SELECT id FROM exchange_order "
        f"WHERE instrument_id = %s AND {condition} AND NOT ({left_out}) "
        f"AND (expires_at IS NULL OR expires_at > %s) ORDER BY {order_by} LIMIT %s) "
        "AND found.status IN ('accepted', 'new', 'partially_filled') "
        f"ORDER BY found.id {statements.for_update()}",
        (market.instrument.pk, *values, *skipped, now, at_most),
    )
    return [_order(row, market.instrument) for row in rows]


def due(now: datetime, *, at_most: int) -> list[UUID]:
    """Ids of orders whose time is up. Legs that are held are not among them: their entry ends them.

    The condition is that of the partial index `order_expiry`; otherwise every round would read all
    orders ever placed.
    """
    rows = statements.query(
        "SELECT id FROM exchange_order WHERE status IN ('accepted', 'new', 'partially_filled') "
        "AND expires_at <= %s LIMIT %s",
        (now, at_most),
    )
    return [as_uuid(row[0]) for row in rows]


def save_trailing(orders: Sequence[Order]) -> None:
    """Write the new peak and stop prices of trailing stops."""
    statements.run(
        (MOVE_STOPS, [(order.pk, order.peak_price, order.stop_price) for order in orders])
    )


def lock_related(
    orders: Collection[Order],
    *,
    pairs: Collection[UUID],
    parents: Collection[UUID],
    without: Collection[UUID],
) -> list[Order]:
    """Open orders of these pairs and open legs of these parents, without `without`, locked."""
    instruments = {order.instrument_id: order.instrument for order in orders}
    found = (
        Order.objects.select_for_update()
        .filter(Q(pair_id__in=pairs) | Q(parent__in=parents), status__in=OPEN_STATUSES)
        .exclude(pk__in=without)
        .order_by("pk")
    )
    related = list(found)
    for order in related:
        order.instrument = instruments[order.instrument_id]
    return related


def live_holds(references: Collection[UUID]) -> list[Hold]:
    """The holds for these references that have not ended."""
    chosen, values = statements.is_in("hold.reference", [*references])
    rows = statements.query(
        f"SELECT {_holds.columns('hold')} FROM banking_hold hold "
        f"WHERE {chosen} AND hold.ended_at IS NULL",
        values,
    )
    return [_holds.make(row) for row in rows]
