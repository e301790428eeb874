"""What moved in each instrument of an account, exact at each deposit and withdrawal.

How much each instrument has earned between two flows depends on its units and on the money that it
has taken and given until each of them. The stored sums of a day do not say that, so the days that
have a flow are read entry by entry, and all other past days from their sums. A read grows with what
was booked on days with flows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

import numpy as np

from banking.rules.assets import USD
from be.database.statements import Row, is_postgresql
from portfolio import daily, history
from portfolio.daily import Stored
from portfolio.daily_rows import DAY, FLOWS, INTERNAL, entries_sql, lines_sql, trades_sql
from portfolio.history import Movements
from portfolio.instants import instant, instant_sql, list_sql, microseconds, numbers
from portfolio.periods import Steps
from portfolio.rules import grids
from portfolio.rules.grids import NOTHING, Integers, Series


class Changes(NamedTuple):
    """Changes of one asset, in order of time and, at one time, of entry.

    `cents` are what a security has given less what it has taken: sales, interest, dividends and
    repayment, less purchases and reversals, fees included. Sums of days have no entry (zero).
    """

    at: Integers
    entries: Integers
    units: Integers
    cents: Integers


NO_CHANGES = Changes(*[NOTHING.at] * 4)


@dataclass(frozen=True, slots=True)
class AccountChanges:
    """All that has moved, `movements` as `history` has them, and the `fees` of the window.

    Both are by symbol. Fees are cents.
    """

    movements: Movements
    by_symbol: Mapping[str, Changes]
    fees: Mapping[str, int]

    def moved_since(self, start: datetime) -> list[str]:
        """The symbols of which there were units at that time, or units or money moved after it."""
        since = instant(start)
        return [
            symbol
            for symbol, changes in self.by_symbol.items()
            if changes.at[-1] > since or changes.units.sum()
        ]


def read(*, owner_id: UUID, until: datetime, steps: Steps) -> AccountChanges:
    """All changes up to and at a time; what came before the window may be added up."""
    start, length, last = instant(steps.start), microseconds(steps.length), instant(until)

    def values(stored: Stored) -> Row:
        through, day = stored.through, stored.day
        return (
            *(owner_id, stored.others, through, day * DAY),
            *(owner_id, last, through, last, start, start, day, day),
            *(owner_id, day, owner_id, owner_id, through, owner_id, owner_id, day),
            *(owner_id, last, owner_id, day, last, through),
        )

    day = daily.NEVER if length == DAY else start // DAY
    rows = daily.read(_sql(), values, owner_id=owner_id, until=until, day=day)
    changes: dict[str, Changes] = {}
    fees: dict[str, int] = {}
    for what, symbol, *lists in rows:
        if what == _FLOWS:
            *flows, new = lists
        elif what == _CHANGES:
            changes[symbol] = _in_order(*map(numbers, lists[:4]))
        else:
            fees[symbol] = int(lists[-1])
    daily.advance_after(new, owner_id)
    cash = changes.pop(USD.code, NO_CHANGES)
    movements = Movements(
        Series(cash.at, cash.units),
        history.flows_of(flows),
        {symbol: Series(each.at, each.units) for symbol, each in changes.items()},
    )
    return AccountChanges(movements, changes, fees)


def _in_order(at: Integers, entries: Integers, units: Integers, cents: Integers) -> Changes:
    order = np.lexsort((entries, at))
    exact = [grids.integers(each.tolist()) for each in (units, cents)]
    return Changes(at[order], entries[order], exact[0][order], exact[1][order])


_FLOWS, _CHANGES, _FEES = "flows", "changes", "fees"

# The security of each entry: income names none, but its reference does.
_NAMED = (
    "named AS (SELECT entries.entry_id, entries.at, entries.kind, entries.units, entries.cents, "
    "coalesce(entries.symbol, instrument.symbol) AS symbol FROM entries "
    "LEFT JOIN exchange_clawback clawback "
    "ON entries.symbol IS NULL AND clawback.id = entries.reference "
    "LEFT JOIN exchange_entitlement entitlement ON entries.symbol IS NULL "
    "AND entitlement.id = coalesce(clawback.entitlement_id, entries.reference) "
    "LEFT JOIN exchange_corporateaction action ON action.id = entitlement.action_id "
    "LEFT JOIN exchange_instrument instrument ON instrument.id = action.instrument_id)"
)


@cache
def _sql() -> str:
    """Each flow, as one row of lists; a row of lists for each asset; and a sum of fees for each.

    `recent` are the postings that are not stored, or of days that are not read from what is stored;
    `lines` are these, and those of the `flow_days`. `bounds` is the time after which the window
    begins: at its start, unless it begins with the first flow; then nothing comes before it. Days
    before it are not read: what was there is what is there now, less all `changes` since.
    """
    at = instant_sql("posting.created_at")
    of_flow_days = lines_sql(
        f"posting.id <= %s AND {at} > flow_days.day * {DAY} "
        f"AND {at} <= (flow_days.day + 1) * {DAY}",
        _postings_of_flow_days(),
    )
    first_day, is_flow_day = "(SELECT first_day FROM bounds)", "(SELECT day FROM flow_days)"
    moved = f"(SELECT * FROM lines WHERE kind NOT IN ({INTERNAL})) AS moved"
    return (
        f"WITH recent AS (SELECT * FROM ({lines_sql('posting.id > %s')}) AS line "
        "WHERE id > %s OR at > %s), "
        "flows AS (SELECT entry_id, at, cents FROM portfolio_bankflow WHERE owner_id = %s "
        "AND at <= %s UNION ALL SELECT entry_id, at, units FROM recent "
        f"WHERE id > %s AND at <= %s AND kind IN ({FLOWS}) AND asset = '{USD.code}'), "
        "began AS (SELECT CASE WHEN min(at) >= %s THEN CAST(-1 AS bigint) "
        "ELSE CAST(%s AS bigint) END AS start FROM flows), "
        f"bounds AS (SELECT start, CASE WHEN start / {DAY} < %s THEN start / {DAY} ELSE %s END "
        "AS first_day FROM began), "
        "flow_days AS (SELECT day, min(first_posting) AS first, max(last_posting) AS last "
        "FROM portfolio_dailymovement WHERE owner_id = %s AND day < %s "
        "AND last_posting IS NOT NULL "
        f"AND day IN (SELECT (at - 1) / {DAY} FROM flows, bounds WHERE at > start) GROUP BY day), "
        f"lines AS (SELECT * FROM recent UNION ALL {of_flow_days}), "
        f"entries AS ({entries_sql(moved)}), {_NAMED}, {trades_sql('recent')}, "
        f"changes AS (SELECT asset, (day + 1) * {DAY} AS at, 0 AS entry_id, units, "
        "received - spent AS cents FROM portfolio_dailymovement "
        f"WHERE owner_id = %s AND day >= {first_day} AND day < %s AND day NOT IN {is_flow_day} "
        "UNION ALL SELECT symbol, at, entry_id, units, "
        f"CASE WHEN kind IN ({FLOWS}) THEN 0 ELSE cents END FROM named WHERE symbol IS NOT NULL "
        f"AND at > {first_day} * {DAY} UNION ALL SELECT '{USD.code}', at, entry_id, cents, 0 "
        f"FROM named WHERE cents <> 0 AND at > {first_day} * {DAY}), "
        "balances AS (SELECT asset, available + held - debt AS units FROM banking_ledgeraccount "
        "WHERE owner_id = %s UNION ALL SELECT asset, -units FROM changes), "
        "known AS (SELECT asset, at, entry_id, CAST(units AS bigint) AS units, "
        "CAST(cents AS bigint) AS cents FROM changes WHERE at <= %s UNION ALL "
        f"SELECT asset, {first_day} * {DAY}, 0, CAST(sum(units) AS bigint), 0 FROM balances "
        "GROUP BY asset HAVING sum(units) <> 0), "
        "fees AS (SELECT asset, fees FROM portfolio_dailymovement, bounds WHERE owner_id = %s "
        f"AND day < %s AND day >= {first_day} AND (day + 1) * {DAY} > start UNION ALL "
        "SELECT asset, fee_cents FROM executions, bounds "
        "WHERE booked_at > start AND booked_at <= %s) "
        f"SELECT '{_FLOWS}' AS what, NULL AS asset, {history.flow_lists_sql()}, "
        "(SELECT count(*) FROM recent WHERE id > %s) AS number "
        f"FROM flows {history.FLOW_VALUES} UNION ALL "
        f"SELECT '{_CHANGES}', asset, {list_sql('at')}, {list_sql('entry_id')}, "
        f"{list_sql('units')}, {list_sql('cents')}, NULL, 0 FROM known GROUP BY asset UNION ALL "
        f"SELECT '{_FEES}', asset, NULL, NULL, NULL, NULL, NULL, sum(fees) FROM fees GROUP BY asset"
    )


def _postings_of_flow_days() -> str:
    """Day after day, from the index of the owner's postings; takes the owner."""
    among = "posting.owner_id = %s AND posting.id BETWEEN flow_days.first AND flow_days.last"
    if is_postgresql():
        # OFFSET keeps it a loop. As a join it might read all postings there are instead.
        found = f"SELECT * FROM banking_posting posting WHERE {among} OFFSET 0"
        return f"flow_days CROSS JOIN LATERAL ({found}) AS posting"
    return f"flow_days CROSS JOIN banking_posting posting ON {among}"
