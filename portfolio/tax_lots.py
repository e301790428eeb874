"""A customer's open tax lots, and what each sale has gained."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from banking.rules.assets import USD, Asset
from exchange.market import instruments, quotes
from exchange.models import Instrument
from portfolio import kept_lots, lot_pages, lot_settings, securities, trades, valuation
from portfolio.instants import instant, time_of
from portfolio.lot_pages import PageLot
from portfolio.lot_rows import Page
from portfolio.rules import lot_methods, lots
from portfolio.rules.lot_methods import Matching
from portfolio.rules.lots import LotMethod, Term

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLot:
    """What is left of one purchase, in dollars; `id` is its execution's, or its own if imported.

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
class Part:
    """The part of a sale that came out of one lot, in dollars; `lot_trade_id` is its purchase's."""

    lot_trade_id: str
    quantity: Decimal
    proceeds: Decimal
    cost_basis: Decimal
    gain: Decimal
    term: Term
    acquired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One sale (or redemption) and the lots it came from, in dollars; `id` is its execution's.

    `fees` are its own, if they are not in the proceeds; what its purchases cost is not in them.
    """

    id: str
    instrument: Instrument
    quantity: Decimal
    proceeds: Decimal
    cost_basis: Decimal
    gain: Decimal
    gain_percent: Decimal | None
    fees: Decimal
    short_term_gain: Decimal
    long_term_gain: Decimal
    sold_at: datetime
    parts: tuple[Part, ...]


def open_lots(
    *, owner_id: UUID, lot_method: LotMethod | None, page: Page, now: datetime
) -> list[OpenLot]:
    """A page of the owner's open lots, by the owner's own method if none is given.

    Raises instruments.UnknownSymbol (field `symbol`).
    """
    matching = lot_settings.matching(owner_id, lot_method)
    found = kept_lots.read(
        owner_id=owner_id,
        lot_method=matching,
        answer=partial(lot_pages.open_lots, page=_by_code(page)),
        has_rows=True,
    )
    traded = _instruments(row.symbol for row in found)
    return [_open_lot(row, traded[row.symbol], matching, now) for row in found]


def sales(*, owner_id: UUID, lot_method: LotMethod | None, page: Page) -> list[Sale]:
    """A page of the owner's sales, by the owner's own method if none is given.

    Raises instruments.UnknownSymbol (field `symbol`).
    """
    asked = _by_code(page)
    fees_in_cost, found = kept_lots.read(
        owner_id=owner_id,
        lot_method=lot_settings.matching(owner_id, lot_method),
        answer=lambda lots: (lots.stored.fees_in_cost, lot_pages.sales(lots, asked)),
        has_rows=True,
    )
    traded = _instruments(row.symbol for row in found)
    fees = {} if fees_in_cost else trades.fees_of([row.sale.id for row in found])
    return [_sale(row.sale, traded[row.symbol], fees.get(row.sale.id, 0)) for row in found]


def _by_code(page: Page) -> Page:
    """The page with the instrument's symbol, where it was asked for by its id or in lower case."""
    return (
        page if page.symbol is None else page._replace(symbol=instruments.find(page.symbol).symbol)
    )


def _instruments(symbols: Iterable[str]) -> dict[str, Instrument]:
    return {each.symbol: each for each in securities.by_symbols(sorted({*symbols}))}


def _open_lot(row: PageLot, instrument: Instrument, matching: Matching, now: datetime) -> OpenLot:
    lot, quote = row.lot, getattr(instrument, "quote", None)
    quantity = instrument.asset.amount(lot.units_left)
    # With average basis every unit costs the same.
    is_pooled = lot_methods.is_pooled(matching, row.totals.last, instant(now))
    cents = _share_of(row, row.totals.cost) if is_pooled else lot.cost_left
    cost, acquired_at = USD.amount(cents), time_of(lot.acquired)
    value = None if quote is None else _market_value(row, instrument, quote.price, now)
    gain = None if value is None else value - cost
    return OpenLot(
        id=lot.id,
        instrument=instrument,
        quantity=quantity,
        cost_basis=cost,
        unit_cost=valuation.unit_cost(instrument, cost, quantity),
        price=None if quote is None else quote.price,
        market_value=value,
        unrealized_pnl=gain,
        unrealized_pnl_percent=None if gain is None else valuation.percent(gain, cost),
        term=lots.holding_term(acquired_at=acquired_at, sold_at=now),
        acquired_at=acquired_at,
    )


def _market_value(row: PageLot, instrument: Instrument, price: Decimal, now: datetime) -> Decimal:
    """The lot's part of the value of all lots, in whole cents."""
    value = valuation.market_value(
        instrument,
        row.totals.units,
        price=price,
        accrued=quotes.accrued_interest(instrument, now),
    )
    return USD.amount(_share_of(row, USD.units(value)))


def _share_of(row: PageLot, cents: int) -> int:
    """The lot's part of what is spread over all lots of its instrument."""
    return lots.part_of(cents, row.units_before, row.lot.units_left, row.totals.units)


def _sale(sale: lots.Sale, instrument: Instrument, fee_cents: int) -> Sale:
    parts = tuple(_part(part, sale, instrument.asset) for part in sale.parts)
    cost = sum((part.cost_basis for part in parts), ZERO)
    gain = sum((part.gain for part in parts), ZERO)
    long_term = sum((part.gain for part in parts if part.term == "long"), ZERO)
    return Sale(
        id=sale.id,
        instrument=instrument,
        quantity=sum((part.quantity for part in parts), ZERO),
        proceeds=sum((part.proceeds for part in parts), ZERO),
        cost_basis=cost,
        gain=gain,
        gain_percent=valuation.percent(gain, cost),
        fees=USD.amount(fee_cents),
        short_term_gain=gain - long_term,
        long_term_gain=long_term,
        sold_at=time_of(sale.sold),
        parts=parts,
    )


def _part(part: lots.Part, sale: lots.Sale, asset: Asset) -> Part:
    acquired_at = time_of(part.acquired)
    return Part(
        lot_trade_id=part.lot_id,
        quantity=asset.amount(part.units),
        proceeds=USD.amount(part.proceeds),
        cost_basis=USD.amount(part.cost),
        gain=USD.amount(part.proceeds - part.cost),
        term=lots.holding_term(acquired_at=acquired_at, sold_at=time_of(sale.sold)),
        acquired_at=acquired_at,
    )
