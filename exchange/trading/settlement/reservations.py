"""What an order can cost in the worst case, and the hold that reserves it.

From the moment an order waits or rests, its hold covers the worst case, fees included.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from banking import holds, ledger
from banking.rules.assets import EXACT
from exchange.market import quotes
from exchange.models import Order
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.rules import amounts
from exchange.trading.rules.matching import Match
from exchange.trading.settlement.blotter import Blotter


def value_of(order: Order, units: int, price: Decimal) -> Decimal:
    """Dollars, not rounded, of `units` at `price` (a bond's with accrued interest)."""
    instrument = order.instrument
    return amounts.exact_value(instrument.asset, units, price, instrument.price_divisor)


def units_to_hold(working_order: WorkingOrder) -> int:
    """What the rest of the order needs in the worst case: cents to buy, units of it to sell."""
    order = working_order.order
    if order.quantity is not None and not order.remaining_quantity:
        return 0
    if not working_order.buys:
        return order.remaining_quantity
    if order.notional_cents is not None:
        paid = working_order.totals.paid()
        return order.notional_cents - paid.cents - paid.fee_cents
    return _cents_at_worst(order, working_order.totals, order.remaining_quantity)


def _cents_at_worst(order: Order, totals: amounts.Totals, units: int) -> int:
    """Cents that `units` more can still cost a buyer, after the fills in `totals`."""
    if not units:
        return 0
    price = EXACT.add(order.worst_price, quotes.most_accrued_interest(order.instrument))
    fee_bps = max(order.maker_fee_bps, order.taker_fee_bps)
    return amounts.cents_to_hold(totals, value_of(order, units, price), fee_bps)


def require_covered(
    working_order: WorkingOrder, matches: Sequence[Match], *, rests: bool, at: datetime
) -> None:
    """Refuse an order that its owner can't pay or deliver completely, before anything has moved.

    `matches` are what it trades at once; with `rests` the remainder needs a hold as well. What its
    hold reserves already counts. Raises InsufficientFunds or InsufficientPosition with the figure
    for the whole order.
    """
    order = working_order.order
    reserved = 0 if working_order.hold is None else working_order.hold.remaining
    if not working_order.buys:
        ledger.require_available(working_order.position, order.remaining_quantity - reserved)
        return
    accrued = quotes.accrued_interest(order.instrument, at)
    before = totals = working_order.totals
    for match in matches:
        value = value_of(order, match.units, EXACT.add(match.price, accrued))
        totals = totals.plus(value, order.taker_fee_bps)
    cash = amounts.bought(before, totals)
    rest = order.remaining_quantity - sum(match.units for match in matches) if rests else 0
    ledger.require_available(
        working_order.cash,
        cash.cents + cash.fee_cents + _cents_at_worst(order, totals, rest) - reserved,
    )


def reserve(blotter: Blotter, working_order: WorkingOrder) -> None:
    """Hold what the rest of the order needs while it waits or rests, unless it has a hold.

    Two exits that cancel each other sell the same securities, so they share one hold.
    """
    if working_order.hold is not None:
        return
    order = working_order.order
    working_order.hold = holds.hold(
        account=working_order.cash if working_order.buys else working_order.position,
        units=units_to_hold(working_order),
        reference=order.pair_id or order.pk,
        at=blotter.now,
        journal=blotter.journal,
    )
    if working_order.partner is not None:
        working_order.partner.hold = working_order.hold
