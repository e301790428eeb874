"""What moved in a customer's account until a time, from the ledger.

The database adds up what lies between two times at which an account is valued. So as many rows are
read as there are such times, and not as many as the customer has ever made movements.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking import flows
from banking.rules.assets import USD
from be.database import statements
from portfolio.day_activity import INTERNAL_KINDS
from portfolio.instants import instant, instant_sql, microseconds, time_of
from portfolio.periods import Steps
from portfolio.rules import grids
from portfolio.rules.grids import NOTHING, Series


@dataclass(frozen=True, slots=True)
class Flow:
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
    """Every change of the owner's balances, `available` and `held` together.

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


def movements(*, owner_id: UUID, until: datetime, steps: Steps) -> Movements:
    """All movements of the ledger up to and at a time. Money counts from when it is booked."""
    rows = statements.query(
        _movements_sql(),
        (
            owner_id,
            until,
            *INTERNAL_KINDS,
            *flows.KINDS,
            USD.code,
            instant(steps.start),
            microseconds(steps.length),
        ),
    )
    found: list[Flow] = []
    changes: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for asset, at, units, entry_id, equity_before in rows:
        if asset is None:
            found.append(Flow(time_of(int(at)), int(units), entry_id, equity_before))
        else:
            times, values = changes[asset]
            times.append(int(at))
            values.append(int(units))
    units_of = {asset: grids.series(*each) for asset, each in changes.items()}
    return Movements(units_of.pop(USD.code, NOTHING), found, units_of)


def _movements_sql() -> str:
    """Each flow, without asset; then all changes, added up by asset and step, in order of time.

    `bounds` is the window's start: that of the period, or the first flow if that is later.
    """
    kinds = ", ".join(["%s"] * len(flows.KINDS))
    internal = ", ".join(["%s"] * len(INTERNAL_KINDS))
    return (
        "WITH lines AS (SELECT account.asset, entry.id AS entry_id, posting.units, "
        f"{instant_sql('entry.created_at')} AS at, entry.kind FROM banking_posting posting "
        "JOIN banking_ledgeraccount account ON account.id = posting.account_id "
        "JOIN banking_journalentry entry ON entry.id = posting.entry_id WHERE "
        f"account.owner_id = %s AND entry.created_at <= %s AND entry.kind NOT IN ({internal})"
        "), flows AS (SELECT lines.entry_id, lines.at, lines.units, value.equity_cents FROM lines "
        "LEFT JOIN portfolio_flowvalue value ON value.entry_id = lines.entry_id "
        f"WHERE lines.kind IN ({kinds}) AND lines.asset = %s), bounds AS (SELECT "
        "CASE WHEN min(flows.at) > begun.at THEN min(flows.at) ELSE begun.at END AS start "
        "FROM flows, (SELECT CAST(%s AS bigint) AS at) AS begun GROUP BY begun.at) "
        "SELECT NULL AS asset, at, units, entry_id, equity_cents FROM flows UNION ALL "
        "SELECT asset, max(at), sum(units), CAST(NULL AS bigint), CAST(NULL AS bigint) "
        "FROM lines, bounds GROUP BY asset, "
        "CASE WHEN at > start THEN (at - 1) / CAST(%s AS bigint) END "
        "ORDER BY at, entry_id"
    )
