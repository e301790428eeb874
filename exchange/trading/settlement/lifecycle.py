"""How an order changes its status and ends, and what follows for the orders tied to it.

Legs are `held` until their entry has ended. If the entry was filled, also in part, they go to work
with the next quote, for as much as was bought and is still there. Otherwise they are canceled. Two
exits of a pair sell the same securities: a fill of one lowers the quantity of the other, and the
end of one cancels the other.
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
    """Change the status, if the table of moves has it, and set the time that belongs to it."""
    states.require_legal(order.status, status)
    order.status = status.value
    if status == OrderStatus.FILLED:
        order.filled_at = at
    elif status == OrderStatus.CANCELED:
        order.canceled_at = at


def end(
    blotter: Blotter, working_order: WorkingOrder, status: OrderStatus, *, reason: str = ""
) -> None:
    """End an order with this status, release its hold, and see to the orders tied to it."""
    _stop(blotter, working_order, status, reason)
    after_end(blotter, working_order)


def _stop(blotter: Blotter, working_order: WorkingOrder, status: OrderStatus, reason: str) -> None:
    """End this order alone, with its hold; an exit that shares the hold ends at the same time."""
    move(working_order.order, status, blotter.now)
    working_order.order.reject_reason = reason
    blotter.mark_changed(working_order)
    hold = working_order.hold
    if hold is not None and hold.ended_at is None:
        holds.release(hold, at=blotter.now, journal=blotter.journal)


def hand_over(blotter: Blotter, old: WorkingOrder, new: WorkingOrder) -> None:
    """Let a new order take the place of an old one: its partner, its legs and its hold.

    The hold that a pair shares goes on. An order's own hold is released, and the new order makes
    one in the same transaction.
    """
    move(old.order, OrderStatus.REPLACED, blotter.now)
    old.order.replaced_by, new.order.replaces = new.order, old.order
    blotter.mark_changed(old)
    new.partner, new.legs, old.legs = old.partner, old.legs, []
    if new.partner is not None:
        new.partner.partner, old.partner = new, None
    for leg in new.legs:
        leg.order.parent = new.order
        blotter.mark_changed(leg)
    if new.order.pair_id is not None:
        new.hold = old.hold
    elif old.hold is not None:
        holds.release(old.hold, at=blotter.now, journal=blotter.journal)


def after_fill(blotter: Blotter, working_order: WorkingOrder, units: int) -> None:
    """After a fill of an exit: its partner has so many units less to sell."""
    partner = working_order.partner
    ends = not working_order.order.remaining_quantity  # then `after_end` cancels the partner
    if partner is None or partner.order.quantity is None or ends:
        return
    partner.order.quantity -= units
    blotter.mark_changed(partner)


def after_end(blotter: Blotter, working_order: WorkingOrder) -> None:
    """After the end of an order: its partner is canceled, its legs go to work or are canceled."""
    partner = working_order.partner
    if partner is not None and partner.order.is_open:
        _stop(blotter, partner, OrderStatus.CANCELED, PARTNER_ENDED)
    for leg in working_order.legs:
        if leg.order.status != OrderStatus.HELD:
            continue
        # The leg has the size of the entry as it was before fills and replacements.
        bought = (leg.order.quantity or 0) - working_order.order.remaining_quantity
        if bought:
            _put_to_work(blotter, leg, bought)
        else:
            _stop(blotter, leg, OrderStatus.CANCELED, ENTRY_ENDED)


def _put_to_work(blotter: Blotter, leg: WorkingOrder, bought: int) -> None:
    """Let an exit sell what was bought, unless its owner has sold or reserved some of it since."""
    available = leg.position.available if leg.hold is None else leg.hold.remaining
    units = min(bought, available)
    if not units:
        _stop(blotter, leg, OrderStatus.CANCELED, POSITION_GONE)
        return
    leg.order.quantity = units
    if leg.order.time_in_force == TimeInForce.DAY and leg.order.expires_at is None:
        leg.order.expires_at = hours.end_of_day(leg.order.instrument.asset_class, blotter.now)
    move(leg.order, OrderStatus.ACCEPTED, blotter.now)
    reservations.reserve(blotter, leg)
    blotter.mark_changed(leg)
