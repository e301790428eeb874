"""Account statements as JSON shows them; `StatementSerializer` is the schema.

The CSV file and the PDF are made of the same document, so all three say the same.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from be.kernel.formats import money_cents, plain_units, price_text, time_text
from exchange.models import Instrument
from portfolio import valuation
from portfolio.account_statements import Gain, HeldPosition, Statement
from portfolio.api.fields import MoneyField, fixed
from portfolio.statement_lines import Change, Delivery, Payment, Trade, Transfer
from portfolio.statement_periods import StatementPeriod

Document = dict[str, Any]

EQUITY = (
    "opening",
    "net_deposits",
    "income",
    "realized_gains",
    "unrealized_gains",
    "fees",
    "other",
    "closing",
)
CASH = (
    "opening",
    "deposits",
    "withdrawals",
    "returned_deposits",
    "transfers_in",
    "adjustments",
    "deliveries",
    "purchases",
    "sales",
    "redemptions",
    "dividends",
    "coupons",
    "reversals",
    "other",
    "closing",
)


def period(each: StatementPeriod, *, now: datetime) -> Document:
    """A row of the list."""
    return {
        "id": each.id,
        "type": each.type,
        "start": time_text(each.start),
        "end": time_text(each.end),
        "preliminary": each.is_preliminary(now),
    }


def statement(found: Statement) -> Document:
    """The whole statement."""
    named = found.instruments
    return {
        "id": found.period.id,
        "type": found.period.type,
        "start": time_text(found.period.start),
        "end": time_text(found.period.end),
        "as_of": time_text(found.as_of),
        "preliminary": found.is_preliminary,
        "account": {"holder": found.holder, "email": found.email},
        "currency": "USD",
        "lot_method": found.lot_method.value,
        "fees_in_cost": found.fees_in_cost,
        "equity": {name: money_cents(getattr(found.equity, name)) for name in EQUITY},
        "cash": {name: money_cents(getattr(found.cash, name)) for name in CASH},
        "fees": money_cents(found.fees),
        "realized_gains": _by_term(found),
        "holdings": [_holding(each) for each in found.holdings],
        "trades": [_trade(each, named[each.symbol]) for each in found.trades],
        "transfers": [_transfer(each) for each in found.transfers],
        "deliveries": [_delivery(each, named[each.symbol]) for each in found.deliveries],
        "income": [_payment(each) for each in found.payments],
        "corporate_actions": [_change(each, named[each.symbol]) for each in found.changes],
        "realized": [_gain(each, named[each.symbol]) for each in found.gains],
    }


def _by_term(found: Statement) -> Document:
    long_term = sum(each.gain for each in found.gains if each.term == "long")
    total = found.equity.realized_gains
    return {
        "short_term": money_cents(total - long_term),
        "long_term": money_cents(long_term),
        "total": money_cents(total),
    }


def _holding(row: HeldPosition) -> Document:
    held, instrument = row.held, row.held.instrument
    has_price = held.price is not None
    is_known = has_price and row.cost is not None
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "asset_class": instrument.asset_class,
        "quantity": plain_units(held.units, instrument.scale),
        "price": price_text(held.price, instrument.price_increment) if held.price else None,
        "accrued_interest": _dollars(instrument, held.units, held.accrued),
        "market_value": money_cents(held.value_cents) if has_price else None,
        "cost_basis": None if row.cost is None else money_cents(row.cost),
        "unrealized_pnl": money_cents(held.value_cents - (row.cost or 0)) if is_known else None,
    }


def _trade(row: Trade, instrument: Instrument) -> Document:
    return {
        "id": str(row.id),
        "executed_at": time_text(row.at),
        "symbol": row.symbol,
        "side": row.side,
        "quantity": plain_units(row.units, instrument.scale),
        "price": price_text(row.price, instrument.price_increment),
        "accrued_interest": _dollars(instrument, row.units, row.accrued),
        "fee": money_cents(row.fee_cents),
        "amount": money_cents(row.cents),
    }


def _transfer(row: Transfer) -> Document:
    return {
        "id": str(row.reference),
        "booked_at": time_text(row.at),
        "type": row.kind,
        "amount": money_cents(row.cents),
    }


def _delivery(row: Delivery, instrument: Instrument) -> Document:
    return {
        "id": str(row.id),
        "delivered_at": time_text(row.at),
        "symbol": row.symbol,
        "quantity": plain_units(row.units, instrument.scale),
        "acquired_at": time_text(row.acquired_at),
        "cost_basis": money_cents(row.cost_cents),
        "market_value": money_cents(row.value_cents),
    }


def _payment(row: Payment) -> Document:
    return {
        "id": str(row.id),
        "paid_at": time_text(row.at),
        "symbol": row.symbol,
        "type": row.kind,
        "amount": money_cents(row.cents),
    }


def _change(row: Change, instrument: Instrument) -> Document:
    return {
        "id": str(row.id),
        "carried_out_at": time_text(row.at),
        "symbol": row.symbol,
        "type": row.kind,
        "quantity_before": plain_units(row.units, instrument.scale),
        "quantity_after": plain_units(row.units_after, instrument.scale),
        "amount": money_cents(row.cents),
    }


def _gain(row: Gain, instrument: Instrument) -> Document:
    return {
        "id": row.sale_id,
        "lot_id": row.lot_id,
        "symbol": row.symbol,
        "quantity": plain_units(row.units, instrument.scale),
        "acquired_at": time_text(row.acquired_at),
        "sold_at": time_text(row.sold_at),
        "proceeds": money_cents(row.proceeds),
        "cost_basis": money_cents(row.cost),
        "gain": money_cents(row.gain),
        "term": row.term,
    }


def _dollars(instrument: Instrument, units: int, accrued: Decimal) -> str:
    """Interest in dollars, of what is quoted for 100 of face value."""
    if not accrued:
        return "0.00"
    return fixed(valuation.dollars(instrument, units, accrued), MoneyField.places)
