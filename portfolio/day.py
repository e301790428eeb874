"""What moved in an account since the last close: its day.

The day is the UTC day, as it is of quotes: its close before is the last midnight. The exchange has
closed by then and not opened again, and coins, which always trade, have their daily close.

The day is read from the journal, so trades, fees, interest and dividends are all in it.
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

# What only moves between `available` and `held`.
_INTERNAL = (EntryKind.HOLD, EntryKind.RELEASE)


@dataclass(slots=True)
class Moved:
    """Of one instrument: units that came less units that went, in shares of their time.

    `spent` are cents paid for it, and `received` the cents that sales, interest, dividends and
    repayment have brought, less what of those was taken back; fees are in both.
    """

    units: int = 0
    spent: int = 0
    received: int = 0
    was_split: bool = False


@dataclass(slots=True)
class Day:
    """All that moved since the last close.

    `balances` are `available` and `held` units of the accounts in which something did, by asset, as
    they were when the rest was read. `cents` came into the account's dollars altogether (less those
    that went); of these, `flows` came from banks.
    """

    balances: dict[str, tuple[int, int]] = field(default_factory=dict)
    moved: dict[str, Moved] = field(default_factory=lambda: defaultdict(Moved))
    cents: int = 0
    flows: int = 0


def last_close(now: datetime) -> datetime:
    """The midnight, UTC, with which the day of `now` began."""
    return candles.start_of(now, Interval.ONE_DAY)


def price_at(close: datetime, quote: Quote) -> Decimal:
    """What an instrument cost at the last close: its price, if it has not traded since."""
    return quote.previous_close if quote.session_date >= close.date() else quote.price


class _Line(NamedTuple):
    """A posting of the owner's, with its entry and the present balances of its account."""

    entry: int
    kind: str
    reference: UUID
    asset: str
    units: int
    available: int
    held: int


def read(*, owner_id: UUID, since: datetime) -> Day:
    """What moved after `since`, and the balances to which it led: in one statement."""
    rows = (
        Posting.objects.filter(account__owner_id=owner_id, entry__created_at__gt=since)
        .exclude(entry__kind__in=_INTERNAL)
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
    found = Day()
    incomes: dict[UUID, int] = defaultdict(int)
    for _, group in groupby(map(_Line._make, rows), key=attrgetter("entry")):
        lines = list(group)
        _add(found, incomes, lines)
        for line in lines:
            found.balances[line.asset] = (line.available, line.held)
    for symbol, cents in _by_symbol(incomes):
        found.moved[symbol].received += cents
    return found


def _add(day: Day, incomes: dict[UUID, int], lines: Sequence[_Line]) -> None:
    """Add an entry to the day; `incomes` take what it alone does not tell who paid, in cents."""
    kind, reference = lines[0].kind, lines[0].reference
    cents = sum(line.units for line in lines if line.asset == USD.code)
    symbol = next((line.asset for line in lines if line.asset != USD.code), None)
    day.cents += cents
    if kind in flows.KINDS:
        day.flows += cents
    elif symbol is not None:
        units = sum(line.units for line in lines if line.asset == symbol)
        _move(day.moved[symbol], kind, cents, units)
    else:
        incomes[reference] += cents


def _move(moved: Moved, kind: str, cents: int, units: int) -> None:
    moved.units += units
    moved.spent += max(-cents, 0)
    moved.received += max(cents, 0)
    moved.was_split |= kind == EntryKind.SPLIT


def _by_symbol(incomes: Mapping[UUID, int]) -> Iterator[tuple[str, int]]:
    """Which instruments paid, or took back; the rest is in the account's cents alone."""
    paid = Entitlement.objects.filter(pk__in=incomes).values_list(
        "pk", "action__instrument__symbol"
    )
    taken = Clawback.objects.filter(pk__in=incomes).values_list(
        "pk", "entitlement__action__instrument__symbol"
    )
    return ((symbol, incomes[pk]) for pk, symbol in (*paid, *taken))
