"""What moved in an account since the last close.

The day is the UTC day, as for quotes: the last close is the last midnight. By then the exchange has
closed and not opened again, and coins, which always trade, have their daily close.

It is read from the journal and its daily sums, so trades, fees, interest and dividends are all
included.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID

from banking.models import EntryKind
from banking.rules.assets import USD
from be.database.rows import as_uuid
from be.database.statements import Row
from exchange.market import candles
from exchange.models import Clawback, Entitlement, Interval, Quote
from portfolio import daily
from portfolio.daily import Stored
from portfolio.daily_rows import DAY, FLOWS, INTERNAL, entries_sql, lines_sql
from portfolio.instants import instant


class Balance(NamedTuple):
    """Units of one asset, as its ledger account has them."""

    available: int = 0
    held: int = 0
    debt: int = 0

    @property
    def owned(self) -> int:
        """What is there, free or held."""
        return self.available + self.held


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

    def add(self, units: int, spent: int, received: int, splits: int) -> None:
        """More that has moved."""
        self.units += units
        self.spent += spent
        self.received += received
        self.was_split |= splits > 0


@dataclass(slots=True)
class DayActivity:
    """All that moved since the last close.

    `balances` are those of all ledger accounts of the owner, by asset, read together with the rest.
    `cash_cents` is the net change of the account's dollars;
    `flow_cents` is the part of it that came from or went to banks.
    """

    balances: dict[str, Balance] = field(default_factory=dict)
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
    """What moved after `since`, a midnight, and the balances after it, in one statement."""
    activity = DayActivity()
    incomes: dict[UUID, int] = {}
    sums: dict[str, int] = defaultdict(int)
    for what, asset, reference, *moved in _rows(owner_id, instant(since)):
        units, spent, received, splits = map(int, moved)
        if what == _BALANCE:
            activity.balances[asset] = Balance(spent, received, splits)
        elif what == _INCOME:
            incomes[as_uuid(reference)] = units
        elif what == _OTHER:
            activity.instruments[asset].add(units, spent, received, splits)
        else:
            sums[what] += units
    activity.cash_cents, activity.flow_cents = sums[_CASH], sums[_FLOW]
    if incomes:
        for symbol, cents in _by_symbol(incomes):
            activity.instruments[symbol].received += cents
    daily.advance_after(sums[_NEW], owner_id)
    return activity


_NEW, _BALANCE, _CASH, _FLOW, _INCOME, _OTHER = "new", "balance", "cash", "flow", "income", "other"


def _rows(owner_id: UUID, since: int) -> list[Row]:
    def values(stored: Stored) -> Row:
        return (
            *(owner_id, stored.through, since, owner_id, owner_id, since // DAY, owner_id, since),
            EntryKind.SPLIT.value,
        )

    return daily.read(_sql(), values, owner_id=owner_id, until=daily.EVER)


@cache
def _sql() -> str:
    """The balances, and what moved: from the stored sums, and from entries that are not in them.

    Of these, flows, income by its reference, and the rest by symbol. Income is what names no
    instrument; in the stored sums it is by symbol already. One row says how much is not in them.
    """
    nothing = "CAST(NULL AS varchar), CAST(NULL AS uuid)"
    return (
        f"WITH lines AS ({lines_sql('posting.id > %s')}), "
        f"today AS (SELECT * FROM lines WHERE at > %s AND kind NOT IN ({INTERNAL})), "
        f"entries AS ({entries_sql('today')}) "
        f"SELECT '{_BALANCE}' AS what, asset, CAST(NULL AS uuid) AS reference, 0 AS units, "
        "available AS spent, held AS received, debt AS splits "
        "FROM banking_ledgeraccount WHERE owner_id = %s UNION ALL "
        f"SELECT '{_NEW}', {nothing}, count(*), 0, 0, 0 FROM lines UNION ALL "
        f"SELECT CASE WHEN asset = '{USD.code}' THEN '{_CASH}' ELSE '{_OTHER}' END, asset, "
        f"CAST(NULL AS uuid), CASE WHEN asset = '{USD.code}' THEN units ELSE traded END, "
        "spent, received, splits FROM portfolio_dailymovement "
        "WHERE owner_id = %s AND day >= %s UNION ALL "
        f"SELECT '{_FLOW}', {nothing}, coalesce(sum(cents), 0), 0, 0, 0 FROM portfolio_bankflow "
        "WHERE owner_id = %s AND at > %s UNION ALL "
        f"SELECT '{_CASH}', {nothing}, coalesce(sum(cents), 0), 0, 0, 0 FROM entries UNION ALL "
        f"SELECT '{_FLOW}', {nothing}, coalesce(sum(cents), 0), 0, 0, 0 FROM entries "
        f"WHERE kind IN ({FLOWS}) UNION ALL "
        f"SELECT '{_INCOME}', CAST(NULL AS varchar), reference, sum(cents), 0, 0, 0 FROM entries "
        f"WHERE symbol IS NULL AND kind NOT IN ({FLOWS}) GROUP BY reference UNION ALL "
        f"SELECT '{_OTHER}', symbol, CAST(NULL AS uuid), sum(units), "
        "sum(CASE WHEN cents < 0 THEN -cents ELSE 0 END), "
        "sum(CASE WHEN cents > 0 THEN cents ELSE 0 END), "
        "sum(CASE WHEN kind = %s THEN 1 ELSE 0 END) FROM entries "
        f"WHERE symbol IS NOT NULL AND kind NOT IN ({FLOWS}) GROUP BY symbol"
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
