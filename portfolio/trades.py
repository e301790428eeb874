"""A customer's executions, splits, redemptions and opening lots: the events that make lots.

What is booked is found through the customer's postings, whose ids are in order of booking. `fresh`
reads some of them, `events` what they are of; `whole_history` reads everything, without postings.
A buyer's fees add to the cost, a seller's are taken off the proceeds; without `fees_in_cost` they
are in neither, but beside them. A redemption is a sale. A lot that was brought from another broker
is a purchase at its cost there, acquired when it was there; those of an entry come oldest first.

Which lots a sale names follows from its order, and from what had been filled of that before. A
split of the meantime changes neither (`exchange.trading.rules.naming`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from banking.models import EntryKind
from be.database import statements
from be.database.rows import as_json, as_uuid
from be.database.statements import Row
from exchange.models import ActionKind, Side
from exchange.trading.rules import naming
from portfolio.instants import instant_sql
from portfolio.rules import lots
from portfolio.rules.lots import Event

# Of one instrument, the events in order of booking.
History = dict[str, list[Event]]

_CHANGES = (EntryKind.SPLIT, EntryKind.REDEMPTION)


class Booked(NamedTuple):
    """An event of an instrument, and the journal entry by which it was booked."""

    entry: int
    symbol: str
    event: Event


class Fresh(NamedTuple):
    """One posting, with its entry. `at` is the time of the entry, in microseconds since 1970."""

    id: int
    entry: int
    kind: str
    reference: UUID
    at: int


def fresh(*, owner_id: UUID, after: int, at_most: int) -> list[Fresh]:
    """The owner's postings after one, in the order of their ids."""
    # For values that it does not know, PostgreSQL would rather look at everybody's postings.
    rows = statements.query(_fresh_sql(), (owner_id, after, at_most), planned_anew=True)
    return [
        Fresh(key, entry, kind, as_uuid(reference), at) for key, entry, kind, reference, at in rows
    ]


def events(*, owner_id: UUID, of: Sequence[Fresh], fees_in_cost: bool) -> History:
    """The events that were booked with these postings, by symbol."""
    return _by_symbol(booked_events(owner_id=owner_id, of=of, fees_in_cost=fees_in_cost))


def booked_events(*, owner_id: UUID, of: Sequence[Fresh], fees_in_cost: bool) -> Iterator[Booked]:
    """Each event that was booked with these postings, in order of booking."""
    trades = {each.reference: each for each in of if each.kind == EntryKind.TRADE}
    changes = {each.reference: each for each in of if each.kind in _CHANGES}
    deliveries = {each.reference: each for each in of if each.kind == EntryKind.DELIVERY}
    entries = trades | changes | deliveries
    rows = [
        *_executions(owner_id, trades, fees_in_cost),
        *_entitlements([*changes]),
        *_opening_lots([*deliveries]),
    ]
    return _in_order((entries[as_uuid(row[0])].entry, row[1:]) for row in rows)


def whole_history(
    *, owner_id: UUID, symbols: Collection[str] | None = None, fees_in_cost: bool
) -> History:
    """All events of the owner, by symbol: of these instruments, or of each that was ever held."""
    of_these, named = "", ()
    if symbols is not None:
        condition, named = statements.is_in("instrument.symbol", [*symbols])
        of_these = f" AND {condition}"
    fills = statements.query(
        f"{_executions_sql('entry.id', fees_in_cost)} JOIN banking_journalentry entry "
        "ON entry.reference = execution.trade_id WHERE execution.owner_id = %s "
        f"AND entry.kind = %s{of_these}",
        (owner_id, EntryKind.TRADE.value, *named),
    )
    changes = statements.query(
        f"{_entitlements_sql('entry.id')} JOIN banking_journalentry entry "
        "ON entry.reference = entitlement.id WHERE entitlement.owner_id = %s "
        f"AND action.kind IN (%s, %s){of_these}",
        (owner_id, ActionKind.SPLIT.value, ActionKind.REDEMPTION.value, *named),
    )
    booked = (*fills, *changes, *_brought(owner_id, symbols))
    return _by_symbol(_in_order((row[0], row[1:]) for row in booked))


def _by_symbol(booked: Iterable[Booked]) -> History:
    found: History = defaultdict(list)
    for _, symbol, event in booked:
        found[symbol].append(event)
    return found


def _in_order(rows: Iterable[tuple[int, Row]]) -> Iterator[Booked]:
    """Events in the order of their entries, and of their ids where they share one."""
    in_order = sorted(((entry, str(as_uuid(key)), row) for entry, (key, *row) in rows), key=_booked)
    filled = _filled_before({as_uuid(row[5]) for _, _, row in in_order if row[6] is not None})
    for entry, key, (symbol, kind, first, second, at, _, own_lots, acquired, fees) in in_order:
        named: Sequence[naming.NamedLot] = ()
        if own_lots is not None:
            named = naming.taken(
                naming.units_of(as_json(own_lots)), before=filled[key], units=first
            )
        yield Booked(entry, symbol, Event(kind, key, first, second, at, named, acquired, fees))


def _booked(row: tuple[int, str, Any]) -> tuple[int, str]:
    """What events are in order of: their entry, and their id where they share one."""
    return row[:2]


def _filled_before(orders: Collection[UUID]) -> dict[str, int]:
    """For each execution of these orders, by its id, what had been filled of its order before.

    By order of booking: one that waited for a lock is booked later than its time says.
    """
    if not orders:
        return {}
    chosen, values = statements.is_in("execution.order_id", [*orders])
    rows = statements.query(
        "SELECT entry.id, execution.id, execution.order_id, execution.quantity "
        "FROM exchange_execution execution JOIN banking_journalentry entry "
        f"ON entry.reference = execution.trade_id AND entry.kind = '{EntryKind.TRADE.value}' "
        f"WHERE {chosen}",
        values,
    )
    before, filled = {}, dict.fromkeys(orders, 0)
    booked = [(entry, str(as_uuid(key)), (order, units)) for entry, key, order, units in rows]
    for _, key, (order, units) in sorted(booked, key=_booked):
        before[key] = filled[as_uuid(order)]
        filled[as_uuid(order)] += units
    return before


@cache
def _fresh_sql() -> str:
    return (
        "SELECT posting.id, entry.id, entry.kind, entry.reference, "
        f"{instant_sql('entry.created_at')} FROM banking_posting posting "
        "JOIN banking_journalentry entry ON entry.id = posting.entry_id "
        "WHERE posting.owner_id = %s AND posting.id > %s "
        # As in the index of the owner's postings, read backwards; the ids alone are an order.
        "ORDER BY posting.id, posting.created_at DESC LIMIT %s"
    )


# Executions -------------------------------------------------------------------------------------


@cache
def _executions_sql(booked: str, fees_in_cost: bool) -> str:
    buys = f"CASE WHEN placed.side = '{Side.BUY.value}'"
    added = f" + {buys} THEN execution.fee_cents ELSE -execution.fee_cents END"
    in_cents, beside = (added, "0") if fees_in_cost else ("", "execution.fee_cents")
    return (
        f"SELECT {booked}, execution.id, instrument.symbol, "
        f"{buys} THEN {lots.BUY} ELSE {lots.SELL} END, execution.quantity, "
        f"execution.cents{in_cents}, {instant_sql('execution.executed_at')}, "
        f"placed.id, placed.lots, NULL, {beside} "
        "FROM exchange_execution execution "
        "JOIN exchange_order placed ON placed.id = execution.order_id "
        "JOIN exchange_instrument instrument ON instrument.id = placed.instrument_id"
    )


def _executions(owner_id: UUID, trades: dict[UUID, Fresh], fees_in_cost: bool) -> list[Row]:
    """The owner's executions of these trades.

    No index has the id of a trade. An execution's own id is made from the time of the entry, so all
    of them are in a range of the owner's; those that are not are looked for everywhere.
    """
    if not trades:
        return []
    sql = (
        f"{_executions_sql('execution.trade_id', fees_in_cost)} WHERE execution.owner_id = %s "
        "AND execution.id >= %s AND execution.id <= %s"
    )
    near = _ids_between([each.at for each in trades.values()])
    found = _of_trades(sql, (owner_id, *near), trades)
    missing = trades.keys() - {as_uuid(row[0]) for row in found}
    if missing:
        found += _of_trades(sql, (owner_id, UUID(int=0), UUID(int=2**128 - 1)), missing)
    return found


def _of_trades(sql: str, values: Row, trades: Collection[UUID]) -> list[Row]:
    rows = statements.query(sql, values, planned_anew=True)
    return [row for row in rows if as_uuid(row[0]) in trades]


def _ids_between(times: Sequence[int]) -> tuple[UUID, UUID]:
    """The range of the ids that `be.kernel.identifiers.uuid7` makes for these times."""
    first, last = min(times) // 1000, max(times) // 1000 + 1
    return UUID(int=max(first, 0) << 80), UUID(int=max(last, 0) << 80)


def orders_of(executions: Sequence[str]) -> dict[str, str]:
    """The order of each of these executions, by their ids; none for what is no execution."""
    if not executions:
        return {}
    condition, values = statements.is_in("id", [UUID(key) for key in executions])
    rows = statements.query(
        f"SELECT id, order_id FROM exchange_execution WHERE {condition}", values
    )
    return {str(as_uuid(key)): str(as_uuid(order)) for key, order in rows}


def fees_of(executions: Sequence[str]) -> dict[str, int]:
    """The fees, in cents, of those of these executions that had some, by their ids."""
    if not executions:
        return {}
    condition, values = statements.is_in("id", [UUID(key) for key in executions])
    rows = statements.query(
        f"SELECT id, fee_cents FROM exchange_execution WHERE {condition} AND fee_cents > 0", values
    )
    return {str(as_uuid(key)): cents for key, cents in rows}


# Splits and redemptions -------------------------------------------------------------------------


@cache
def _entitlements_sql(booked: str) -> str:
    splits = f"CASE WHEN action.kind = '{ActionKind.SPLIT.value}'"
    return (
        f"SELECT {booked}, entitlement.id, instrument.symbol, "
        f"{splits} THEN {lots.SPLIT} ELSE {lots.SELL} END, entitlement.units, "
        f"{splits} THEN entitlement.units_after ELSE entitlement.cents END, "
        f"{instant_sql('entitlement.carried_out_at')}, NULL, NULL, NULL, 0 "
        "FROM exchange_entitlement entitlement "
        "JOIN exchange_corporateaction action ON action.id = entitlement.action_id "
        "JOIN exchange_instrument instrument ON instrument.id = action.instrument_id"
    )


def _entitlements(ids: Sequence[UUID]) -> list[Row]:
    if not ids:
        return []
    condition, values = statements.is_in("entitlement.id", ids)
    return statements.query(f"{_entitlements_sql('entitlement.id')} WHERE {condition}", values)


# Opening lots -----------------------------------------------------------------------------------


@cache
def _opening_lots_sql(booked: str) -> str:
    return (
        f"SELECT {booked}, lot.id, lot.asset, {lots.BUY}, lot.units, lot.cost_cents, "
        f"{instant_sql('transfer.created_at')}, NULL, NULL, {instant_sql('lot.acquired_at')}, 0 "
        "FROM banking_openinglot lot JOIN banking_transferin transfer "
        "ON transfer.id = lot.transfer_id"
    )


def _brought(owner_id: UUID, symbols: Collection[str] | None) -> list[Row]:
    """All opening lots of the owner, or those of these instruments."""
    of_these, named = "", ()
    if symbols is not None:
        condition, named = statements.is_in("lot.asset", [*symbols])
        of_these = f" AND {condition}"
    return statements.query(
        f"{_opening_lots_sql('entry.id')} JOIN banking_journalentry entry "
        "ON entry.reference = lot.delivery WHERE transfer.owner_id = %s "
        f"AND entry.kind = %s{of_these}",
        (owner_id, EntryKind.DELIVERY.value, *named),
    )


def _opening_lots(deliveries: Sequence[UUID]) -> list[Row]:
    if not deliveries:
        return []
    condition, values = statements.is_in("lot.delivery", deliveries)
    return statements.query(f"{_opening_lots_sql('lot.delivery')} WHERE {condition}", values)
