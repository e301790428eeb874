"""A customer's open tax lots, and what each sale has gained."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from exchange.market import instruments, quotes
from exchange.models import Instrument
from portfolio import positions, valuation
from portfolio.positions import Position
from portfolio.rules import lots
from portfolio.rules.lots import Lot, LotMethod, RealizedGain, Term

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLot:
    """What is left of one purchase, in dollars; `id` is that of its execution.

    `unit_cost` is for one share or coin, or for 100 of face value. The market values of all lots
    of an instrument sum to that of the holding. `term` is what a sale now would be. Value and gain
    are None without a quote.
    """

    id: str
    instrument: Instrument
    quantity: Decimal
    cost_basis: Decimal
    unit_cost: Decimal | None
    price: Decimal | None
    market_value: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_pnl_percent: Decimal | None
    term: Term
    acquired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One sale (or redemption) and the lots it came from, in dollars; `id` is its execution's."""

    id: str
    instrument: Instrument
    quantity: Decimal
    proceeds: Decimal
    cost_basis: Decimal
    gain: Decimal
    gain_percent: Decimal | None
    short_term_gain: Decimal
    long_term_gain: Decimal
    sold_at: datetime
    parts: tuple[RealizedGain, ...]


def open_lots(
    *, owner_id: UUID, lot_method: LotMethod, symbol: str | None, now: datetime
) -> list[OpenLot]:
    """The owner's open lots, of one instrument or of all, newest first.

    Raises instruments.UnknownSymbol (field `symbol`).
    """
    found = [
        lot
        for position in _positions(owner_id, lot_method, symbol)
        for lot in _open_lots(position, now)
    ]
    return sorted(found, key=lambda lot: lot.id, reverse=True)


def sales(*, owner_id: UUID, lot_method: LotMethod, symbol: str | None) -> list[Sale]:
    """The owner's sales, of one instrument or of all, newest first.

    Raises instruments.UnknownSymbol (field `symbol`).
    """
    found = [
        sale for position in _positions(owner_id, lot_method, symbol) for sale in _sales(position)
    ]
    return sorted(found, key=lambda sale: sale.id, reverse=True)


def _positions(owner_id: UUID, lot_method: LotMethod, symbol: str | None) -> Iterator[Position]:
    wanted = None if symbol is None else instruments.find(symbol)
    for position in positions.read_lots(owner_id=owner_id, lot_method=lot_method):
        if wanted in (None, position.instrument):
            yield position


def _open_lots(position: Position, now: datetime) -> Iterator[OpenLot]:
    found = position.book.open
    for lot, value in zip(found, _market_values(position, found, now), strict=True):
        gain = None if value is None else value - lot.cost_basis
        yield OpenLot(
            id=lot.trade_id,
            instrument=position.instrument,
            quantity=lot.quantity,
            cost_basis=lot.cost_basis,
            unit_cost=valuation.unit_cost(position.instrument, lot.cost_basis, lot.quantity),
            price=None if position.quote is None else position.quote.price,
            market_value=value,
            unrealized_pnl=gain,
            unrealized_pnl_percent=None
            if gain is None
            else valuation.percent(gain, lot.cost_basis),
            term=lots.holding_term(acquired_at=lot.acquired_at, sold_at=now),
            acquired_at=lot.acquired_at,
        )


def _market_values(
    position: Position, found: Iterable[Lot], now: datetime
) -> list[Decimal] | list[None]:
    """The value of all lots, split among them in whole cents."""
    quantities = [lot.quantity for lot in found]
    if position.quote is None:
        return [None] * len(quantities)
    instrument = position.instrument
    value = valuation.market_value(
        instrument,
        instrument.asset.units(position.book.quantity),
        price=position.quote.price,
        accrued=quotes.accrued_interest(instrument, now),
    )
    return lots.split_amount(value, by=quantities)


def _sales(position: Position) -> Iterator[Sale]:
    for sale_id, group in groupby(position.book.realized, key=lambda part: part.sale_id):
        parts = tuple(group)
        cost = sum((part.cost_basis for part in parts), ZERO)
        gain = sum((part.gain for part in parts), ZERO)
        long_term = sum((part.gain for part in parts if part.term == "long"), ZERO)
        yield Sale(
            id=sale_id,
            instrument=position.instrument,
            quantity=sum((part.quantity for part in parts), ZERO),
            proceeds=sum((part.proceeds for part in parts), ZERO),
            cost_basis=cost,
            gain=gain,
            gain_percent=valuation.percent(gain, cost),
            short_term_gain=gain - long_term,
            long_term_gain=long_term,
            sold_at=parts[0].sold_at,
            parts=parts,
        )
