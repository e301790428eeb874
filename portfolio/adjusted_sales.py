"""A customer's sales of a tax year, adjusted for wash sales.

A wash sale can go back for years: a share carries the loss of the one that it replaced. So all
executions up to the end of the year's last window are gone through, piece by piece, and only what
may still matter is remembered: open lots, and purchases and sales of the last 30 days.

Fees always count, whatever a customer has chosen for other figures: basis includes the costs of the
purchase, such as commissions, and what is realized is less the expenses of the sale (IRS
Publication 550, chapter 4, "Basis of Investment Property" and "How To Figure Gain or Loss").
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from typing import NamedTuple
from uuid import UUID

from exchange.models import Instrument
from portfolio import kept_lots, securities, splits, trades
from portfolio.instants import instant
from portfolio.kept_lots import Lots
from portfolio.rules import lot_methods
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import BUY, TAX_ZONE
from portfolio.rules.wash_sales import (
    COVERED_CLASSES,
    DAYS,
    AdjustedLots,
    AdjustedSale,
    WashSales,
    trade_day,
)
from portfolio.trades import Fresh

# A request that waited for a lock is booked after later ones; none waits for so long.
_SLACK = timedelta(days=1)


class YearSale(NamedTuple):
    """A sale of the year, with its instrument."""

    instrument: Instrument
    sale: AdjustedSale


def year_of(now: datetime) -> int:
    """The tax year of a moment, in New York."""
    return now.astimezone(TAX_ZONE).year


def last_moment(year: int, *, now: datetime) -> datetime:
    """The end of a tax year, or now while it runs."""
    return min(now, datetime(year + 1, 1, 1, tzinfo=TAX_ZONE) - timedelta(microseconds=1))


def of_year(*, owner_id: UUID, year: int, lot_method: Matching) -> Iterator[YearSale]:
    """The owner's sales on the trade dates of a year, the earliest first, each as it stays.

    An instrument whose executions do not account for what was sold has none, as in `tax_lots`.
    """
    skipped = kept_lots.read(owner_id=owner_id, lot_method=lot_method, answer=_incomplete)
    adjusting = _Adjusting(owner_id, lot_method, skipped)
    waiting: list[tuple[int, str, str, AdjustedSale]] = []
    for booked in _pieces(owner_id, year):
        for symbol, sale in adjusting.add(booked):
            if sale.day.year == year:
                heappush(waiting, (sale.sold, sale.id, symbol, sale))
        settled = trade_day(booked[-1].at) - timedelta(days=DAYS + 1) - _SLACK
        yield from adjusting.named(_taken(waiting, before=settled))
    yield from adjusting.named(_taken(waiting, before=date.max))


def _incomplete(lots: Lots) -> frozenset[str]:
    symbols = lots.stored.totals.keys() | lots.folds.keys()
    return frozenset(symbol for symbol in symbols if not lots.totals(symbol).complete)


def _pieces(owner_id: UUID, year: int) -> Iterator[list[Fresh]]:
    """Postings up to those of which none is in a window of the year's sales."""
    last_window = datetime(year + 1, 1, 1, tzinfo=TAX_ZONE) + timedelta(days=DAYS + 1)
    until = instant(last_window + _SLACK)
    for booked in kept_lots.pieces(owner_id):
        yield booked
        if booked[0].at > until:
            return


def _taken(
    waiting: list[tuple[int, str, str, AdjustedSale]], *, before: date
) -> Iterator[tuple[str, AdjustedSale]]:
    """Take the sales before a day out of the heap, the earliest first."""
    while waiting and waiting[0][-1].day < before:
        *_, symbol, sale = heappop(waiting)
        yield symbol, sale


@dataclass(slots=True)
class _Adjusting:
    """The adjusted lots of all instruments of an owner, while what was booked is added."""

    owner_id: UUID
    method: Matching
    skipped: frozenset[str]
    lots: dict[str, AdjustedLots] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)

    def add(self, booked: list[Fresh]) -> Iterator[tuple[str, AdjustedSale]]:
        history = trades.events(owner_id=self.owner_id, of=booked, fees_in_cost=True)
        self._meet(symbol for symbol in history if symbol not in self.skipped)
        orders = trades.orders_of(self._covered_purchases(history))
        for symbol, events in history.items():
            if symbol in self.lots:
                for event in events:
                    order = orders.get(event.id, event.id)
                    if sale := self.lots[symbol].add(event, order=order):
                        yield symbol, sale

    def named(self, sales: Iterable[tuple[str, AdjustedSale]]) -> Iterator[YearSale]:
        return (YearSale(self.instruments[symbol], sale) for symbol, sale in sales)

    def _meet(self, symbols: Iterable[str]) -> None:
        new = sorted({*symbols} - self.lots.keys())
        ratios = splits.by_symbol(new)
        for each in securities.by_symbols(new):
            terms = sorted((instant(at), ratio) for at, ratio in ratios.get(each.symbol, ()))
            wash_sales = WashSales(terms, is_covered=each.asset_class in COVERED_CLASSES)
            self.instruments[each.symbol] = each
            self.lots[each.symbol] = AdjustedLots(lot_methods.begin(self.method), wash_sales)

    def _covered_purchases(self, history: trades.History) -> list[str]:
        return [
            event.id
            for symbol, events in history.items()
            if symbol in self.lots and self.lots[symbol].wash_sales.is_covered
            for event in events
            if event.kind == BUY
        ]
