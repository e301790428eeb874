"""What moved in an account since the last close.

The day is the UTC day, as for quotes: the last close is the last midnight. By then the exchange has
closed and not opened again, and coins, which always trade, have their daily close.

It is read from the journal, so trades, fees, interest and dividends are all included.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from banking import flows
from banking.models import EntryKind, Posting
from banking.rules.assets import USD
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

    `balances` are `available` and `held` units by asset, of the ledger accounts in which something
    moved, read together with the rest. `cash_cents` is the net change of the account's dollars;
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


class _Line(NamedTuple):
    """A posting of the owner, with its entry and the present balances of its account."""

    entry: int
    kind: str
    reference: UUID
    asset: str
    units: int
    available: int
    held: int


def read(*, owner_id: UUID, since: datetime) -> DayActivity:
    """What moved after `since`, and the balances after it, in one statement."""
    rows = (
        Posting.objects.filter(account__owner_id=owner_id, entry__created_at__gt=since)
        .exclude(entry__kind__in=INTERNAL_KINDS)
        .order_by("entry_id")
        .values_list(
            "entry_id",
            "entry__kind",
            "entry__reference",
            "account__asset",
            "units",
            "account__available",
            "account__held",
        )
    )
    activity = DayActivity()
    incomes: dict[UUID, int] = defaultdict(int)
    for _, group in groupby(map(_Line._make, rows), key=attrgetter("entry")):
        lines = list(group)
        _add(activity, incomes, lines)
        for line in lines:
            activity.balances[line.asset] = (line.available, line.held)
    for symbol, cents in _by_symbol(incomes):
        activity.instruments[symbol].received += cents
    return activity


def _add(day: DayActivity, incomes: dict[UUID, int], lines: Sequence[_Line]) -> None:
    """Add an entry. Income whose instrument the entry does not name goes to `incomes`, in cents."""
    kind, reference = lines[0].kind, lines[0].reference
    cents = sum(line.units for line in lines if line.asset == USD.code)
    symbol = next((line.asset for line in lines if line.asset != USD.code), None)
    day.cash_cents += cents
    if kind in flows.KINDS:
        day.flow_cents += cents
    elif symbol is not None:
        units = sum(line.units for line in lines if line.asset == symbol)
        _move(day.instruments[symbol], kind, cents, units)
    else:
        incomes[reference] += cents


def _move(activity: InstrumentActivity, kind: str, cents: int, units: int) -> None:
    activity.units += units
    activity.spent += max(-cents, 0)
    activity.received += max(cents, 0)
    activity.was_split |= kind == EntryKind.SPLIT


def _by_symbol(incomes: Mapping[UUID, int]) -> Iterator[tuple[str, int]]:
    """Income by symbol, reversals included. Other entries only change the cash."""
    paid = Entitlement.objects.filter(pk__in=incomes).values_list(
        "pk", "action__instrument__symbol"
    )
    taken = Clawback.objects.filter(pk__in=incomes).values_list(
        "pk", "entitlement__action__instrument__symbol"
    )
    return ((symbol, incomes[pk]) for pk, symbol in (*paid, *taken))
