"""How an order moves and ends, and what that means for the orders that are tied to it.

Legs are `held` until their entry has ended. If something of it was filled, they go to work for as
much (or what is left of it), with the next quote; if nothing was, they are canceled. Two exits of a
pair sell the same securities: a fill of one lowers the other, and the end of one is the end of the
other.
"""

from datetime import datetime

from banking import holds
from exchange.market import hours
from exchange.models import Order, OrderStatus, TimeInForce
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.rules import states
from exchange.trading.settlement import reservations
from exchange.trading.settlement.blotter import Blotter

PARTNER_ENDED = "other_exit_ended"
ENTRY_ENDED = "entry_not_filled"
POSITION_GONE = "insufficient_position"


def move(order: Order, status: OrderStatus, at: datetime) -> None:
    """Make a legal move and stamp it."""
    states.require_legal(order.status, status)
    order.status = status.value
    if status == OrderStatus.FILLED:
        order.filled_at = at
    elif status == OrderStatus.CANCELED:
        order.canceled_at = at


def end(blotter: Blotter, working: WorkingOrder, status: OrderStatus, *, reason: str = "") -> None:
    """Take the order off the market, release what it still holds, and end what depends on it."""
    _stop(blotter, working, status, reason)
    follow_end(blotter, working)


def _stop(blotter: Blotter, working: WorkingOrder, status: OrderStatus, reason: str) -> None:
    """End this order alone, and its hold: the other exit, which may share it, ends with it."""
    move(working.order, status, blotter.now)
    working.order.reject_reason = reason
    blotter.touch(working)
    hold = working.hold
    if hold is not None and hold.ended_at is None:
        holds.release(hold, at=blotter.now, journal=blotter.journal)


def hand_over(blotter: Blotter, old: WorkingOrder, new: WorkingOrder) -> None:
    """Let a new order take the place of an old one: its partner, its legs, and what it holds.

    A hold that a pair shares goes on; one of its own is released, for the new order to make its own
    in the same transaction.
    """
    move(old.order, OrderStatus.REPLACED, blotter.now)
    old.order.replaced_by, new.order.replaces = new.order, old.order
    blotter.touch(old)
    new.partner, new.legs, old.legs = old.partner, old.legs, []
    if new.partner is not None:
        new.partner.partner, old.partner = new, None
    for leg in new.legs:
        leg.order.parent = new.order
        blotter.touch(leg)
    if new.order.pair_id is not None:
        new.hold = old.hold
    elif old.hold is not None:
        holds.release(old.hold, at=blotter.now, journal=blotter.journal)


def follow_fill(blotter: Blotter, working: WorkingOrder, units: int) -> None:
    """An exit has sold `units`: its partner has as much less to sell."""
    partner = working.partner
    if partner is None or partner.order.quantity is None or not working.order.remaining_quantity:
        return
    partner.order.quantity -= units
    blotter.touch(partner)


def follow_end(blotter: Blotter, working: WorkingOrder) -> None:
    """The order has ended: so does its partner, and its legs go to work or end."""
    partner = working.partner
    if partner is not None and partner.order.is_open:
        _stop(blotter, partner, OrderStatus.CANCELED, PARTNER_ENDED)
    for leg in working.legs:
        if leg.order.status != OrderStatus.HELD:
            continue
        # The leg has the size of the entry as it was before fills and replacements.
        bought = (leg.order.quantity or 0) - working.order.remaining_quantity
        if bought:
            _put_to_work(blotter, leg, bought)
        else:
            _stop(blotter, leg, OrderStatus.CANCELED, ENTRY_ENDED)


def _put_to_work(blotter: Blotter, leg: WorkingOrder, bought: int) -> None:
    """Let an exit sell what was bought, or what its owner has not sold or reserved since."""
    there = leg.position.available if leg.hold is None else leg.hold.remaining
    units = min(bought, there)
    if not units:
        _stop(blotter, leg, OrderStatus.CANCELED, POSITION_GONE)
        return
    leg.order.quantity = units
    if leg.order.time_in_force == TimeInForce.DAY and leg.order.expires_at is None:
        leg.order.expires_at = hours.end_of_day(leg.order.instrument.asset_class, blotter.now)
    move(leg.order, OrderStatus.ACCEPTED, blotter.now)
    reservations.reserve(blotter, leg)
    blotter.touch(leg)
