"""What moved in an account since the last close.

The day is the UTC day, as for quotes: the last close is the last midnight. By then the exchange has
closed and not opened again, and coins, which always trade, have their daily close.

It is read from the journal, so trades, fees, interest and dividends are all included.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

from banking import flows
from banking.models import EntryKind
from banking.rules.assets import USD
from be.database import statements
from be.database.rows import as_uuid
from exchange.market import candles
from exchange.models import Clawback, Entitlement, Interval, Quote

# Entries that only move units between `available` and `held`.
INTERNAL_KINDS = (EntryKind.HOLD, EntryKind.RELEASE)


@dataclass(slots=True)
class InstrumentActivity:
    """One instrument: `units` is the net change, in shares of their time.

    `spent` are cents paid for it. `received` are cents from sales, interest, dividends and
    repayment, less reversals. Both include fees.
    """

    units: int = 0
    spent: int = 0
    received: int = 0
    was_split: bool = False


@dataclass(slots=True)
class DayActivity:
    """All that moved since the last close.

    `balances` are `available` and `held` units by asset, of all ledger accounts of the owner, read
    together with the rest. `cash_cents` is the net change of the account's dollars;
    `flow_cents` is the part of it that came from or went to banks.
    """

    balances: dict[str, tuple[int, int]] = field(default_factory=dict)
    instruments: dict[str, InstrumentActivity] = field(
        default_factory=lambda: defaultdict(InstrumentActivity)
    )
    cash_cents: int = 0
    flow_cents: int = 0


def last_close(now: datetime) -> datetime:
    """The midnight, UTC, with which the day of `now` began."""
    return candles.start_of(now, Interval.ONE_DAY)


def price_at(close: datetime, quote: Quote) -> Decimal:
    """The price of an instrument at the last close: its price now, if it has not traded since."""
    return quote.previous_close if quote.session_date >= close.date() else quote.price


def read(*, owner_id: UUID, since: datetime) -> DayActivity:
    """What moved after `since`, and the balances after it, in one statement."""
    rows = statements.query(
        _sql(),
        (
            *(USD.code, USD.code, USD.code, owner_id, since, *INTERNAL_KINDS),
            *(*flows.KINDS, owner_id, EntryKind.SPLIT.value),
        ),
    )
    activity = DayActivity()
    incomes: dict[UUID, int] = {}
    for what, asset, reference, *sums in rows:
        units, spent, received, splits = map(int, sums)
        if what == _BALANCE:
            activity.balances[asset] = (spent, received)
            continue
        activity.cash_cents += received - spent
        if what == _FLOW:
            activity.flow_cents += received - spent
        elif what == _INCOME:
            incomes[as_uuid(reference)] = received - spent
        else:
            activity.instruments[asset] = InstrumentActivity(units, spent, received, splits > 0)
    if incomes:
        for symbol, cents in _by_symbol(incomes):
            activity.instruments[symbol].received += cents
    return activity


_BALANCE, _FLOW, _INCOME, _OTHER = "balance", "flow", "income", "other"


@cache
def _sql() -> str:
    """The balances, then entries added up: flows; income by its reference; the rest by symbol.

    Income is what names no instrument. An entry is of one instrument at most.
    """
    internal = ", ".join(["%s"] * len(INTERNAL_KINDS))
    kinds = ", ".join(["%s"] * len(flows.KINDS))
    return (
        "WITH entries AS (SELECT entry.kind, entry.reference, "
        "max(CASE WHEN account.asset <> %s THEN account.asset END) AS symbol, "
        "sum(CASE WHEN account.asset <> %s THEN posting.units ELSE 0 END) AS units, "
        "sum(CASE WHEN account.asset = %s THEN posting.units ELSE 0 END) AS cents "
        "FROM banking_posting posting "
        "JOIN banking_ledgeraccount account ON account.id = posting.account_id "
        "JOIN banking_journalentry entry ON entry.id = posting.entry_id "
        "WHERE account.owner_id = %s AND entry.created_at > %s "
        f"AND entry.kind NOT IN ({internal}) GROUP BY entry.id, entry.kind, entry.reference"
        f"), named AS (SELECT CASE WHEN kind IN ({kinds}) THEN '{_FLOW}' "
        f"WHEN symbol IS NULL THEN '{_INCOME}' ELSE '{_OTHER}' END AS what, entries.* FROM entries"
        f") SELECT '{_BALANCE}' AS what, asset, CAST(NULL AS uuid) AS reference, 0 AS units, "
        "available, held, 0 AS splits FROM banking_ledgeraccount WHERE owner_id = %s UNION ALL "
        f"SELECT what, symbol, CASE WHEN what = '{_INCOME}' THEN reference END, sum(units), "
        "sum(CASE WHEN cents < 0 THEN -cents ELSE 0 END), "
        "sum(CASE WHEN cents > 0 THEN cents ELSE 0 END), "
        "sum(CASE WHEN kind = %s THEN 1 ELSE 0 END) FROM named "
        f"GROUP BY what, symbol, CASE WHEN what = '{_INCOME}' THEN reference END"
    )


def _by_symbol(incomes: Mapping[UUID, int]) -> Iterator[tuple[str, int]]:
    """Income by symbol, reversals included. Other entries only change the cash."""
    paid = Entitlement.objects.filter(pk__in=incomes).values_list(
        "pk", "action__instrument__symbol"
    )
    taken = Clawback.objects.filter(pk__in=incomes).values_list(
        "pk", "entitlement__action__instrument__symbol"
    )
    return ((symbol, incomes[pk]) for pk, symbol in (*paid, *taken))
