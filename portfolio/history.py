"""What moved in a customer's account until a time, from the ledger.

The database adds up what lies between two times at which an account is valued: of past days from
their stored sums (`portfolio/daily.py`), so a read does not depend on how many movements the
customer has ever made.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from banking.rules.assets import USD
from be.database.statements import Row
from portfolio import daily
from portfolio.daily import Stored
from portfolio.daily_rows import DAY, FLOWS, INTERNAL, lines_sql
from portfolio.instants import instant, list_sql, microseconds, numbers, time_of
from portfolio.periods import Steps, Window
from portfolio.rules import grids
from portfolio.rules.grids import NOTHING, Series


class Flow(NamedTuple):
    """A deposit from the owner's bank or, below zero, a withdrawal to it.

    `equity_before` is the account's value just before, in cents; None for a flow that was booked
    before valuations were stored.
    """

    at: datetime
    cents: int
    entry_id: int
    equity_before: int | None

    @property
    def dollars(self) -> Decimal:
        return USD.amount(self.cents)


@dataclass(frozen=True, slots=True)
class Movements:
    """Every change of the owner's balances, `available` and `held` together, less what is owed.

    `cash` is in cents; `flows` are those of its changes that came from or went to a bank. `units`
    of each security are by symbol. Changes between two times of the grid may be added up, at the
    time of the last of them.
    """

    cash: Series = NOTHING
    flows: list[Flow] = field(default_factory=list)
    units: dict[str, Series] = field(default_factory=dict)

    def held_since(self, start: datetime) -> list[str]:
        """The symbols of which there were any units at that time, or some came or went after."""
        since = instant(start)
        return [
            symbol
            for symbol, changes in self.units.items()
            if changes.at[-1] > since or changes.values.sum()
        ]

    def flows_in(self, window: Window) -> list[Flow]:
        """Deposits and withdrawals of the window that its start equity does not include."""
        return [
            flow
            for flow in self.flows
            if flow.at > window.start or (window.from_opening and flow.at == window.start)
        ]


def movements(*, owner_id: UUID, until: datetime, steps: Steps) -> Movements:
    """All movements of the ledger up to and at a time. Money counts from when it is booked.

    Where the steps are days, what is stored of past days is read as it is (the account is valued at
    none of the times within them); otherwise the postings since the day in which the steps begin.
    """
    start, length, last = instant(steps.start), microseconds(steps.length), instant(until)

    def values(stored: Stored) -> Row:
        first = min(stored.day, start // DAY)
        opening = (first * DAY, owner_id) if start else ()
        return (
            *(owner_id, stored.others, stored.through, stored.day * DAY),
            *(owner_id, last, stored.through, last),
            *(owner_id, first, stored.day, first * DAY, last, *opening),
            *(start, length, stored.through),
        )

    day = daily.NEVER if length == DAY else start // DAY
    rows = daily.read(_movements_sql(start > 0), values, owner_id=owner_id, until=until, day=day)
    lists = {asset: found for asset, *found in rows}
    *flows, new = lists.pop(None)
    daily.advance_after(new, owner_id)
    units_of = {asset: _in_order(*found[:2]) for asset, found in lists.items()}
    return Movements(units_of.pop(USD.code, NOTHING), flows_of(flows), units_of)


def flows_of(lists: list[Any]) -> list[Flow]:
    """The flows of a row of lists, in order."""
    at, cents, entry_ids, equity, is_valued = (numbers(each).tolist() for each in lists)
    in_order = sorted(zip(at, entry_ids, cents, equity, is_valued, strict=True))
    return [
        Flow(time_of(at), cents, entry_id, equity if is_valued else None)
        for at, entry_id, cents, equity, is_valued in in_order
    ]


def _in_order(at: Any, units: Any) -> Series:
    times, values = numbers(at), grids.integers(numbers(units).tolist())
    order = np.argsort(times, kind="stable")
    return Series(times[order], values[order])


FLOW_VALUES = "LEFT JOIN portfolio_flowvalue value ON value.entry_id = flows.entry_id"


def flow_lists_sql() -> str:
    """The flows and their stored values as lists, for `flows_of`."""
    return (
        f"{list_sql('flows.at')}, {list_sql('flows.cents')}, {list_sql('flows.entry_id')}, "
        f"{list_sql('coalesce(value.equity_cents, 0)')}, "
        f"{list_sql('CASE WHEN value.id IS NULL THEN 0 ELSE 1 END')}"
    )


@cache
def _movements_sql(has_past: bool) -> str:
    """Each flow, as one row of lists; then a row of lists for each asset, added up by step.

    `recent` are the postings that are not stored, or of days that are not read from what is stored.
    Days before the window are not read: what was there when it began is what is there now, less all
    `changes` since. `bounds` is the window's start: that of the period, or the first flow if that
    is later. Without `has_past`, it begins when time did.
    """
    opening = (
        " UNION ALL SELECT asset, CAST(%s AS bigint), CAST(sum(units) AS bigint) FROM ("
        "SELECT asset, available + held - debt AS units FROM banking_ledgeraccount "
        "WHERE owner_id = %s UNION ALL SELECT asset, -units FROM changes) AS balances "
        "GROUP BY asset HAVING sum(units) <> 0"
    )
    if not has_past:
        opening = ""
    return (
        f"WITH recent AS (SELECT * FROM ({lines_sql('posting.id > %s')}) AS line "
        "WHERE id > %s OR at > %s), "
        "flows AS (SELECT entry_id, at, cents FROM portfolio_bankflow WHERE owner_id = %s "
        "AND at <= %s UNION ALL SELECT entry_id, at, units FROM recent "
        f"WHERE id > %s AND at <= %s AND kind IN ({FLOWS}) AND asset = '{USD.code}'), "
        "changes AS (SELECT asset, last_at AS at, units FROM portfolio_dailymovement "
        "WHERE owner_id = %s AND day >= %s AND day < %s AND last_at IS NOT NULL "
        f"UNION ALL SELECT asset, at, units FROM recent WHERE kind NOT IN ({INTERNAL}) "
        "AND at > %s), "
        f"known AS (SELECT asset, at, units FROM changes WHERE at <= %s{opening}), "
        "bounds AS (SELECT CASE WHEN min(flows.at) > begun.at THEN min(flows.at) ELSE begun.at END "
        "AS start FROM (SELECT CAST(%s AS bigint) AS at) AS begun LEFT JOIN flows ON true "
        "GROUP BY begun.at), steps AS (SELECT asset, max(at) AS at, sum(units) AS units "
        "FROM known, bounds "
        "GROUP BY asset, CASE WHEN at > start THEN (at - 1) / CAST(%s AS bigint) END) "
        f"SELECT NULL AS asset, {flow_lists_sql()}, "
        f"(SELECT count(*) FROM recent WHERE id > %s) FROM flows {FLOW_VALUES} "
        f"UNION ALL SELECT asset, {list_sql('at')}, {list_sql('CAST(units AS bigint)')}, "
        "NULL, NULL, NULL, 0 FROM steps GROUP BY asset"
    )
