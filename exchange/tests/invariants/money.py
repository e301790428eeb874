"""Cents and holds: each is what exact arithmetic gives, and the books add up."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from uuid import UUID

from django.db.models import Sum

from banking.models import Posting
from exchange.models import Order, OrderStatus, Side
from exchange.tests.invariants.state import State, name_of


def nothing_is_overdrawn(state: State) -> Iterator[str]:
    for account in state.accounts:
        if account.owner_id is not None and (account.available < 0 or account.held < 0):
            yield f"{account.asset}: {account.available} available, {account.held} held"
        if account.debt < 0 or (account.debt and account.available):
            yield f"{account.asset}: {account.available} available, {account.debt} owed"
    for hold in state.ended_holds:
        if hold.remaining:
            yield f"hold {hold.pk} has ended and reserves {hold.remaining}"


def every_asset_sums_to_zero(state: State) -> Iterator[str]:
    """Over all accounts, including those of the house."""
    sums = Posting.objects.values("account__asset").annotate(total=Sum("units"))
    for row in sums:
        if row["total"]:
            yield f"{row['account__asset']} sums to {row['total']}"


def cents_are_rounded_once(state: State, order: Order) -> Iterator[str]:
    """For the order as a whole: up when its owner pays, down when the owner receives."""
    fills = state.fills[order.pk]
    if not fills:
        return
    value, fee = _exact(state, order)
    cents, fee_cents = sum(fill.cents for fill in fills), sum(fill.fee_cents for fill in fills)
    due = ceil(value) if order.side == Side.BUY else floor(value - fee) + ceil(fee)
    if (cents, fee_cents) != (due, ceil(fee)):
        yield f"{name_of(order)} moved {cents} and {fee_cents} cents, not {due} and {ceil(fee)}"


def is_held_for(state: State, order: Order) -> Iterator[str]:
    """An open order (or pair) has one hold, of what the rest of it needs in the worst case."""
    held = state.live_holds.get(order.pair_id or order.pk, [])
    if not order.is_open or order.status == OrderStatus.HELD:
        if held and (order.pair_id is None or order.status == OrderStatus.HELD):
            yield f"{name_of(order)} has a hold"
        return
    if len(held) != 1:
        yield f"{name_of(order)} has {len(held)} holds"
        return
    (hold,) = held
    if order.side == Side.SELL:
        if hold.remaining != order.remaining_quantity:
            yield f"{name_of(order)} holds {hold.remaining} for {order.remaining_quantity} units"
        return
    if order.notional_cents is not None:
        if hold.remaining != order.notional_cents:
            yield f"{name_of(order)} holds {hold.remaining} of {order.notional_cents} cents"
        return
    yield from _covers_the_worst(state, order, hold.remaining)


def _covers_the_worst(state: State, order: Order, held: int) -> Iterator[str]:
    """What was paid and what is held cover the worst case of the whole order, and hardly more."""
    worst = order.limit_price or order.collar_price
    if worst is None:
        yield f"{name_of(order)} has no worst price"
        return
    value, fee = _exact(state, order)
    rest = 100 * _value(state, order, order.remaining_quantity, worst)
    needed = value + fee + rest
    needed += rest * Fraction(max(order.maker_fee_bps, order.taker_fee_bps), 10_000)
    paid = sum(fill.cents + fill.fee_cents for fill in state.fills[order.pk])
    bond = state.instruments[order.instrument_id].is_bond  # holds a coupon on top
    if paid + held < needed or (paid + held >= needed + 2 and not bond):
        yield f"{name_of(order)} paid {paid} and holds {held} cents for {float(needed)}"


def _value(state: State, order: Order, units: int, price: Decimal) -> Fraction:
    instrument = state.instruments[order.instrument_id]
    quantity = Fraction(units, 10**instrument.scale)
    return quantity * Fraction(price) / Fraction(instrument.price_divisor)


def _exact(state: State, order: Order) -> tuple[Fraction, Fraction]:
    """Cents of the order's fills and of the fees on them, before any rounding."""
    value = fee = Fraction(0)
    for fill in state.fills[order.pk]:
        one = 100 * _value(state, order, fill.quantity, fill.price + fill.accrued_interest)
        maker = fill.liquidity == "maker"
        value += one
        fee += one * Fraction(order.maker_fee_bps if maker else order.taker_fee_bps, 10_000)
    return value, fee


def cash_comes_from_somewhere(before: State, after: State) -> Iterator[str]:
    """A customer's cash, less what banks and trades brought, never changes."""
    for owner in {account.owner_id for account in before.accounts if account.owner_id is not None}:
        given = [state.cash(owner) - _flow(state, owner) for state in (before, after)]
        if given[0] != given[1]:
            yield f"the cash of {owner} is off by {given[1] - given[0]} cents"


def _flow(state: State, owner: UUID) -> int:
    """Cents that banks and trades have brought to this customer, less what they took."""
    cents = 0
    for transfer in state.transfers:
        if transfer.owner_id == owner and transfer.status == "completed":
            cents += transfer.cents if transfer.type == "deposit" else -transfer.cents
    for key, fills in state.fills.items():
        order = state.orders[key]
        if order.owner_id == owner:
            sign = -1 if order.side == Side.BUY else 1
            cents += sum(sign * fill.cents - fill.fee_cents for fill in fills)
    return cents


def the_house_has_its_share(state: State) -> Iterator[str]:
    """Fees, odd cents and the street's cash are in the house account of each."""
    due = {"fees": 0, "rounding": 0, "market": 0}
    for fills in state.trades.values():
        role = "market" if len(fills) == 1 else "rounding"
        for fill in fills:
            due["fees"] += fill.fee_cents
            due[role] += fill.cents if state.orders[fill.order_id].side == Side.BUY else -fill.cents
    house = Posting.objects.filter(account__owner=None, account__asset="USD")
    has = dict(house.values_list("account__house").annotate(Sum("units")))
    for role, cents in due.items():
        if has.get(role, 0) != cents:
            yield f"the house has {has.get(role, 0)} cents of {role}, not {cents}"
