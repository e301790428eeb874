"""What an order can cost at its worst, and holding it.

An order's hold covers its worst case, fees included, from the moment in which it waits or rests.
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


def worst_price(order: Order) -> Decimal:
    """The worst price that the order may trade at: its limit, or the collar of a market order."""
    worst = order.limit_price or order.collar_price
    if worst is None:
        raise ValueError(f"order {order.pk} has neither a limit nor a collar")
    return worst


def value_of(order: Order, units: int, price: Decimal) -> Decimal:
    """Dollars, not rounded, of `units` at `price` (a bond's with accrued interest)."""
    instrument = order.instrument
    return amounts.exact_value(instrument.asset, units, price, instrument.price_divisor)


def units_to_hold(working: WorkingOrder) -> int:
    """What the rest of the order needs at its worst: cents for a buy, securities for a sell."""
    order = working.order
    if order.quantity is not None and not order.remaining_quantity:
        return 0
    if not working.buys:
        return order.remaining_quantity
    if order.notional_cents is not None:
        paid = working.totals.paid()
        return order.notional_cents - paid.cents - paid.fee_cents
    return _cents_at_worst(order, working.totals, order.remaining_quantity)


def _cents_at_worst(order: Order, totals: amounts.Totals, units: int) -> int:
    """Cents that `units` more can still cost a buyer, after the fills in `totals`."""
    if not units:
        return 0
    price = EXACT.add(worst_price(order), quotes.most_accrued_interest(order.instrument))
    fee_bps = max(order.maker_fee_bps, order.taker_fee_bps)
    return amounts.cents_to_hold(totals, value_of(order, units, price), fee_bps)


def require_covered(
    working: WorkingOrder, matches: Sequence[Match], *, rests: bool, at: datetime
) -> None:
    """Refuse an order whose owner can't deliver all of it, before anything has moved.

    `matches` are what it would trade at once; with `rests` the remainder needs a hold as well. What
    its hold reserves already is there. Raises InsufficientFunds or InsufficientPosition with the
    figure for the whole order.
    """
    order = working.order
    reserved = 0 if working.hold is None else working.hold.remaining
    if not working.buys:
        ledger.require_available(working.position, order.remaining_quantity - reserved)
        return
    accrued = quotes.accrued_interest(order.instrument, at)
    before = totals = working.totals
    for match in matches:
        value = value_of(order, match.units, EXACT.add(match.price, accrued))
        totals = totals.plus(value, order.taker_fee_bps)
    cash = amounts.bought(before, totals)
    rest = order.remaining_quantity - sum(match.units for match in matches) if rests else 0
    ledger.require_available(
        working.cash,
        cash.cents + cash.fee_cents + _cents_at_worst(order, totals, rest) - reserved,
    )


def reserve(blotter: Blotter, working: WorkingOrder) -> None:
    """Hold what the rest of the order needs, when it is to wait and has no hold yet.

    Two exits that cancel each other sell the same securities: they share one hold.
    """
    if working.hold is not None:
        return
    order = working.order
    working.hold = holds.hold(
        account=working.cash if working.buys else working.position,
        units=units_to_hold(working),
        reference=order.pair_id or order.pk,
        at=blotter.now,
        journal=blotter.journal,
    )
    if working.partner is not None:
        working.partner.hold = working.hold
