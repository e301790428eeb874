"""A customer's whole journal as a plain ledger for beancount, written piece by piece.

Balances come from postings, lots from the events that were booked with them. Days are trade dates
in New York, and no entry is earlier than the one before it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID

from banking.models import EntryKind
from banking.rules.assets import USD
from be.database import statements
from be.database.rows import as_uuid
from be.kernel.formats import plain_units
from exchange.models import ActionKind
from portfolio import kept_lots, securities, trades
from portfolio.instants import instant
from portfolio.rules import beancount_text as text
from portfolio.rules import lot_methods
from portfolio.rules.beancount_text import Leg
from portfolio.rules.ledger_lots import Change, LedgerLots, netted
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import BUY, SPLIT, Event
from portfolio.rules.wash_sales import trade_day
from portfolio.trades import Booked, Fresh

_FLOWS = {
    EntryKind.DEPOSIT.value: "Deposit",
    EntryKind.DEPOSIT_RETURN.value: "Deposit returned by the bank",
    EntryKind.WITHDRAWAL.value: "Withdrawal",
}
_BROUGHT = (EntryKind.TRANSFER_IN.value, EntryKind.DELIVERY.value)
_INCOME = {ActionKind.DIVIDEND.value: text.DIVIDENDS, ActionKind.COUPON.value: text.COUPONS}
_INCOME_KINDS = (EntryKind.DIVIDEND, EntryKind.COUPON, EntryKind.REVERSAL)


def beancount(*, owner_id: UUID, lot_method: Matching, now: datetime) -> Iterator[str]:
    """The ledger of all that was booked for the owner, in texts that follow each other.

    At the end it says what the owner has of each asset after all of it.
    """
    ledger = _Ledger(owner_id, lot_method)
    start = ""
    for booked in kept_lots.pieces(owner_id):
        if not start:
            ledger.day = trade_day(booked[0].at)
            yield (start := text.heading(ledger.day))
        yield "".join(ledger.add(booked))
    if not start:
        yield text.heading(trade_day(instant(now)))
        return
    yield text.balances(ledger.day + timedelta(days=1), ledger.balances())


class _Payer(NamedTuple):
    """Of a payment or what was taken back: the kind of the action, and the instrument."""

    kind: str
    symbol: str


@dataclass(slots=True)
class _Entry:
    """What one journal entry has moved for the owner: units by asset, events by symbol."""

    head: Fresh
    moved: dict[str, int] = field(default_factory=dict)
    events: list[tuple[str, Event]] = field(default_factory=list)


@dataclass(slots=True)
class _Ledger:
    """What has been written so far; `day` is that of the newest entry."""

    owner_id: UUID
    matching: Matching
    day: date = date.min
    scales: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lots: dict[str, LedgerLots] = field(default_factory=dict)

    def balances(self) -> Iterator[tuple[str, str, str]]:
        """(account, number, commodity) of each asset that the owner has or has had."""
        yield text.CASH, f"{USD.amount(self.units[USD.code]):f}", USD.code
        for symbol in sorted(self.scales.keys() - {USD.code}):
            yield text.SECURITIES, self._number(symbol, self.units[symbol]), text.commodity(symbol)

    def add(self, booked: Sequence[Fresh]) -> Iterator[str]:
        """The texts of a piece of the journal."""
        entries = {each.entry: _Entry(each) for each in booked}
        for entry, asset, scale, units in _moved(self.owner_id, booked):
            self.scales.setdefault(asset, scale)
            entries[entry].moved[asset] = units
        for entry, symbol, event in _events(self.owner_id, booked):
            entries[entry].events.append((symbol, event))
        fees = trades.fees_of([event.id for each in entries.values() for _, event in each.events])
        payers = _payers([each for each in booked if each.kind in _INCOME_KINDS])
        names = self._new_names(entries)
        for _, each in sorted(entries.items()):
            if each.moved or each.events:
                self.day = max(self.day, trade_day(each.head.at))
                yield from self._listed(each, names)
                yield self._transaction(each, fees, payers.get(each.head.reference))

    def _new_names(self, entries: dict[int, _Entry]) -> dict[str, str]:
        met = {asset for each in entries.values() for asset in each.moved}
        new = sorted(met - self.units.keys() - {USD.code})
        return dict.fromkeys(new, "") | {
            each.symbol: each.name for each in securities.by_symbols(new)
        }

    def _listed(self, entry: _Entry, names: dict[str, str]) -> Iterator[str]:
        for asset in sorted(entry.moved):
            if asset in names:
                yield text.listed(self.day, asset, names.pop(asset))

    def _transaction(self, entry: _Entry, fees: dict[str, int], payer: _Payer | None) -> str:
        for asset, units in entry.moved.items():
            self.units[asset] += units
        legs, unexplained = self._of_events(entry)
        cents = unexplained.pop(USD.code, 0)
        legs += [Leg(_counter(entry, payer), _cents(-cents))] if cents else []
        for symbol, units in unexplained.items():
            legs += self._from_elsewhere(symbol, units) if units else []
        notes = {"reference": text.quoted(str(entry.head.reference))}
        if paid := sum(fees.get(event.id, 0) for _, event in entry.events):
            notes["fees"] = _cents(paid)
        return text.transaction(self.day, _narration(entry, payer), notes, legs)

    def _of_events(self, entry: _Entry) -> tuple[list[Leg], dict[str, int]]:
        """The legs of the events of an entry, and of what it moved the units that are not theirs.

        Of the dollars, these are what is not in the cost of lots or in gains.
        """
        legs: list[Leg] = []
        changes: dict[str, list[Change]] = defaultdict(list)
        rest = defaultdict(int, entry.moved)
        rounding = Decimal(0)
        for symbol, event in entry.events:
            rest[symbol] -= _units(event)
            moved = self._lots(symbol).add(event)
            if moved is None:
                legs += self._without_lots(symbol, event)
                rest[USD.code] += 0 if event.kind == SPLIT else event.kind * event.second
            else:
                changes[symbol] += moved.changes
                legs += [Leg(text.GAINS, _cents(-moved.gain))] if moved.gain else []
                rest[USD.code] += moved.cost - moved.gain
                rounding += USD.amount(moved.cost) - moved.weight
        cents = entry.moved.get(USD.code)
        lots = [
            self._into_lot(symbol, each) for symbol in changes for each in netted(changes[symbol])
        ]
        legs = lots + legs
        legs += [Leg(text.CASH, _cents(cents))] if cents else []
        legs += [Leg(text.ROUNDING, text.dollars(rounding))] if rounding else []
        return legs, rest

    def _lots(self, symbol: str) -> LedgerLots:
        if symbol not in self.lots:
            self.lots[symbol] = LedgerLots(lot_methods.begin(self.matching), self.scales[symbol])
        return self.lots[symbol]

    def _number(self, symbol: str, units: int) -> str:
        return plain_units(units, self.scales[symbol])

    def _into_lot(self, symbol: str, change: Change) -> Leg:
        held = f"{self._number(symbol, change.units)} {text.commodity(symbol)}"
        label = text.quoted(change.label)
        if change.units < 0:
            return Leg(text.SECURITIES, f"{held} {{{label}}}")
        return Leg(
            text.SECURITIES, f"{held} {{{text.dollars(change.unit_cost)}, {change.day}, {label}}}"
        )

    def _without_lots(self, symbol: str, event: Event) -> Iterator[Leg]:
        """Of an instrument of which more was sold than bought: at its price, without a cost."""
        held = f"{self._number(symbol, _units(event))} {text.commodity(symbol)}"
        if event.kind != SPLIT:
            yield Leg(text.SECURITIES, f"{held} @@ {_cents(event.second)}")
        elif _units(event):
            yield Leg(text.SECURITIES, f"{held} @@ 0 USD")

    def _from_elsewhere(self, symbol: str, units: int) -> Iterator[Leg]:
        """Units that no trade explains."""
        for account, each in ((text.SECURITIES, units), (text.OTHER, -units)):
            yield Leg(account, f"{self._number(symbol, each)} {text.commodity(symbol)}")


def _units(event: Event) -> int:
    """By how much an event changes the units held."""
    return event.second - event.first if event.kind == SPLIT else event.kind * event.first


def _cents(cents: int) -> str:
    return text.dollars(USD.amount(cents))


def _counter(entry: _Entry, payer: _Payer | None) -> str:
    """The account for dollars that the events of an entry do not explain."""
    if payer is not None:
        return _INCOME[payer.kind]
    if entry.head.kind in _FLOWS:
        return text.BANK
    # What was brought may have cost more or less than it was worth on arrival.
    return text.FEES if entry.events and entry.head.kind not in _BROUGHT else text.OTHER


def _narration(entry: _Entry, payer: _Payer | None) -> str:
    kind = entry.head.kind
    if payer is not None:
        what = f"{payer.kind.capitalize()} of {payer.symbol}"
        return f"{what} taken back" if kind == EntryKind.REVERSAL else what
    if kind == EntryKind.TRADE:
        return ", ".join(
            f"{'Buy' if event.kind == BUY else 'Sell'} {symbol}" for symbol, event in entry.events
        )
    if kind in _BROUGHT:
        return "Brought from elsewhere"
    if entry.events:
        return f"{kind.capitalize()} of {entry.events[0][0]}"
    return _FLOWS.get(kind, kind.capitalize())


# Reading ----------------------------------------------------------------------------------------


def _events(owner_id: UUID, booked: Sequence[Fresh]) -> Iterator[Booked]:
    """Always with fees in costs, as for taxes."""
    return trades.booked_events(owner_id=owner_id, of=booked, fees_in_cost=True)


def _moved(owner_id: UUID, booked: Sequence[Fresh]) -> Iterator[tuple[int, str, int, int]]:
    """(entry, asset, scale, units) of each entry and asset of which some came or went."""
    rows = statements.query(
        "SELECT posting.entry_id, account.asset, account.scale, sum(posting.units) "
        "FROM banking_posting posting "
        "JOIN banking_ledgeraccount account ON account.id = posting.account_id "
        "WHERE posting.owner_id = %s AND posting.id >= %s AND posting.id <= %s "
        "GROUP BY posting.entry_id, account.asset, account.scale HAVING sum(posting.units) <> 0",
        (owner_id, booked[0].id, booked[-1].id),
        planned_anew=True,
    )
    # PostgreSQL adds up integers to a decimal.
    return ((entry, asset, scale, int(units)) for entry, asset, scale, units in rows)


def _payers(income: Sequence[Fresh]) -> dict[UUID, _Payer]:
    """What was paid or taken back with these entries, by their references."""
    if not income:
        return {}
    condition, values = statements.is_in("paid.id", [each.reference for each in income])
    rows = statements.query(f"{_payers_sql()} WHERE {condition}", values)
    return {as_uuid(key): _Payer(kind, symbol) for key, kind, symbol in rows}


@cache
def _payers_sql() -> str:
    return (
        "SELECT paid.id, action.kind, instrument.symbol FROM ("
        "SELECT id, action_id FROM exchange_entitlement UNION ALL "
        "SELECT clawback.id, entitlement.action_id FROM exchange_clawback clawback "
        "JOIN exchange_entitlement entitlement ON entitlement.id = clawback.entitlement_id"
        ") AS paid JOIN exchange_corporateaction action ON action.id = paid.action_id "
        "JOIN exchange_instrument instrument ON instrument.id = action.instrument_id"
    )
