"""A customer's account at past times: cash and quantities from the ledger, prices from candles.

A *series* here is a list of (time, value) in order of time. Changes add up; of observations the
newest counts.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from banking import flows
from banking.models import Posting
from banking.rules.assets import USD
from exchange.market import quotes
from exchange.market.rules import calendar
from exchange.models import Instrument
from portfolio import flow_valuations, valuation
from portfolio.day_activity import INTERNAL_KINDS
from portfolio.prices import Observation

Change = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """A deposit from the owner's bank or, below zero, a withdrawal to it.

    `equity_before` is the account's value just before, in dollars; None for a flow that was booked
    before valuations were stored.
    """

    at: datetime
    cents: int
    entry_id: int
    equity_before: Decimal | None

    @property
    def dollars(self) -> Decimal:
        return USD.amount(self.cents)


@dataclass(frozen=True, slots=True)
class Movements:
    """Every change of the owner's balances, `available` and `held` together.

    `cash` is in cents; `flows` are those of its changes that came from or went to a bank. `units`
    of each security are by symbol.
    """

    cash: list[Change] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    units: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))


def movements(*, owner_id: UUID, until: datetime) -> Movements:
    """All movements of the ledger up to and at a time. Money counts from when it is booked."""
    rows = (
        Posting.objects.filter(account__owner_id=owner_id, entry__created_at__lte=until)
        .exclude(entry__kind__in=INTERNAL_KINDS)
        .order_by("entry__created_at", "entry_id")
        .values_list("account__asset", "entry__kind", "entry__created_at", "entry_id", "units")
    )
    values = flow_valuations.equity_before_flows(owner_id)
    found = Movements()
    for asset, kind, at, entry_id, units in rows:
        if asset != USD.code:
            found.units[asset].append((at, units))
            continue
        found.cash.append((at, units))
        if kind in flows.KINDS:
            found.flows.append(Flow(at, units, entry_id, values.get(entry_id)))
    return found


def totals_at(times: Sequence[datetime], changes: Sequence[Change]) -> list[int]:
    """The sum of all changes up to and at each time. Both are in order."""
    totals, total, following = [], 0, 0
    for time in times:
        while following < len(changes) and changes[following][0] <= time:
            total += changes[following][1]
            following += 1
        totals.append(total)
    return totals


def newest_at(times: Sequence[datetime], observed: Sequence[Observation]) -> list[Decimal | None]:
    """The newest observation at each time, None before the first."""
    seen = [at for at, _ in observed]
    places = (bisect_right(seen, time) for time in times)
    return [observed[place - 1][1] if place else None for place in places]


def equity_at(
    times: Sequence[datetime],
    *,
    cash: Sequence[Change],
    units: Mapping[Instrument, Sequence[int]],
    observed: Mapping[str, Sequence[Observation]],
) -> list[Decimal]:
    """Dollars of equity at each time: cash, and the units at each time at their newest price.

    A bond's value includes the interest that had accrued by then. Units of which no price was
    known yet count as zero.
    """
    equity = [USD.amount(cents) for cents in totals_at(times, cash)]
    for instrument, held in units.items():
        prices = newest_at(times, observed.get(instrument.symbol, ()))
        accrued = _accrued_at(times, instrument)
        for place, (quantity, price) in enumerate(zip(held, prices, strict=True)):
            if quantity and price is not None:
                equity[place] += valuation.market_value(
                    instrument, quantity, price=price, accrued=accrued[place]
                )
    return equity


def _accrued_at(times: Iterable[datetime], instrument: Instrument) -> list[Decimal]:
    """Interest per 100 of face value at each time; computed once for each settlement date."""
    if not instrument.is_bond:
        return [Decimal(0) for _ in times]
    known: dict[date, Decimal] = {}
    found = []
    for time in times:
        settlement = calendar.settlement_date(time)
        if settlement not in known:
            known[settlement] = quotes.accrued_interest(instrument, time)
        found.append(known[settlement])
    return found
