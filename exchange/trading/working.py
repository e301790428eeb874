"""Working orders: an order that arrives meets the book, and a round of quotes meets the orders.

Locks, always in this order: the quote row, orders by id, ledger accounts by id. Everything that a
call will touch is locked before the first thing is changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q

from banking.assets import EXACT, USD
from exchange.market import book, feed
from exchange.models import (
    WORKING_STATUSES,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from exchange.trading import execution, fees, matching
from exchange.trading.execution import Working
from exchange.trading.requests import CENT


def work_new(order: Order, quote: Quote, now: datetime) -> list[Working]:
    """Match an order that arrives with the book; then let it rest, or end it.

    The quote is locked. Returns all orders that changed, this one first; all are saved.
    """
    resting = _lock_resting(order, now)
    outcome = _match(order, resting, quote)
    met = {match.order_id for match in outcome.matches}
    makers = [maker for maker in resting if maker.pk in met]
    workings = execution.open_working(makers, arriving=order)
    return _carry_out(workings[order.pk], outcome, workings, quote, now)


def let_wait(order: Order, now: datetime) -> list[Working]:
    """Reserve what an order needs that can't be worked yet."""
    working = execution.open_working([], arriving=order)[order.pk]
    order.status = OrderStatus.ACCEPTED
    execution.reserve(working, now)
    execution.save([order])
    return [working]


def _lock_resting(order: Order, now: datetime) -> list[Order]:
    """Orders that this one can meet, its owner's included, best first and older first.

    One whose time is up is no longer there, even if no round has ended it yet.
    """
    buying = order.side == Side.BUY
    worst = execution.worst_price(order)
    reachable = Q(limit_price__lte=worst) if buying else Q(limit_price__gte=worst)
    rows = list(
        Order.objects.select_for_update(of=("self",))
        .filter(
            reachable,
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            instrument=order.instrument,
            side=Side.SELL if buying else Side.BUY,
            status__in=WORKING_STATUSES,
        )
        .order_by("pk")
    )
    for row in rows:
        row.instrument = order.instrument
    return _best_first(rows, meets=order.side)


def _best_first(resting: Iterable[Order], *, meets: str) -> list[Order]:
    """Orders in the order in which one of side `meets` gets to them: by price, then by time."""
    by_time = sorted(resting, key=lambda order: order.pk)
    return sorted(by_time, key=_limit, reverse=meets == Side.SELL)


def _limit(order: Order) -> Decimal:
    return order.limit_price or Decimal(0)


def _match(order: Order, resting: Sequence[Order], quote: Quote) -> matching.Outcome:
    """Ask the pure rules; a fill-or-kill order that can't have all gets nothing."""
    sized = order.quantity is not None
    outcome = matching.match(
        matching.Incoming(
            side="buy" if order.side == Side.BUY else "sell",
            owner_id=order.owner_id,
            worst_price=execution.worst_price(order),
            units=order.remaining_quantity if sized else None,
            budget=None if sized else _budget(order),
        ),
        resting=[
            matching.Resting(maker.pk, maker.owner_id, _limit(maker), maker.remaining_quantity)
            for maker in resting
        ],
        levels=book.street_levels(order.instrument, quote, order.side),
    )
    kills = order.time_in_force == TimeInForce.FOK and outcome.units < order.remaining_quantity
    return matching.Outcome((), outcome.wanted, outcome.self_trade) if kills else outcome


def _budget(order: Order) -> matching.Budget:
    """What a notional buy may spend: all of it, less the cent by which a fee may round up."""
    instrument = order.instrument
    dollars = USD.amount(order.notional_cents or 0)
    fee = Decimal(order.taker_fee_bps) * fees.BASIS_POINT
    return matching.Budget(
        dollars=dollars - CENT if fee else dollars,
        cost_factor=EXACT.divide(1 + fee, instrument.price_divisor),
        asset=instrument.asset,
        step=instrument.asset.units(instrument.quantity_increment),
    )


def _carry_out(
    working: Working,
    outcome: matching.Outcome,
    workings: Mapping[UUID, Working],
    quote: Quote,
    now: datetime,
) -> list[Working]:
    """Turn matches into trades and decide what becomes of the rest; saves all that changed."""
    order = working.order
    if order.quantity is None and outcome.units:
        order.quantity = outcome.units + outcome.wanted
    if working.hold is None:
        execution.require_covered(working, outcome.matches, rests=_rests(order, outcome), at=now)
    makers: dict[UUID, Working] = {}
    for match in outcome.matches:
        maker = workings[match.order_id] if match.order_id is not None else None
        execution.trade(taker=working, maker=maker, price=match.price, units=match.units, at=now)
        if maker is not None:
            makers[maker.order.pk] = maker
    if outcome.street_units:
        feed.take(quote, order.side, outcome.street_units)
    _settle_rest(working, outcome, now)
    changed = [working, *makers.values()]
    execution.save([each.order for each in changed])
    return changed


def _settle_rest(working: Working, outcome: matching.Outcome, now: datetime) -> None:
    """Decide what becomes of the part that found no match."""
    order = working.order
    if order.status == OrderStatus.FILLED:
        return
    if not _rests(order, outcome):
        execution.end(working, OrderStatus.CANCELED, now, reason=_why_not(order, outcome))
        return
    if order.status == OrderStatus.ACCEPTED:
        execution.move(order, OrderStatus.NEW, now)
    execution.reserve(working, now)


def _rests(order: Order, outcome: matching.Outcome) -> bool:
    """Whether the part that found no match stays in the book."""
    stays = order.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
    return stays and order.order_type == OrderType.LIMIT and not outcome.self_trade


def _why_not(order: Order, outcome: matching.Outcome) -> str:
    if outcome.self_trade:
        return "self_trade"
    if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return f"{order.time_in_force}_unfilled"
    return "notional_too_small" if order.quantity is None else "no_liquidity"


def work_round(changed: Sequence[Quote], now: datetime) -> list[Working]:
    """Fill what the new quotes cross, and wake the orders that waited for one.

    The quotes are locked. Returns the orders that changed, saved.
    """
    workings = execution.open_working(_lock_concerned(changed))
    quotes = {quote.instrument_id: quote for quote in changed}
    touched: dict[UUID, Working] = {}
    for working in _in_priority(workings.values()):
        quote = quotes[working.order.instrument_id]
        if working.order.status == OrderStatus.ACCEPTED:
            resting = _met_by(working.order, workings.values())
            outcome = _match(working.order, resting, quote)
            met = _carry_out(working, outcome, workings, quote, now)
        else:
            met = _fill_resting(working, quote, now)
        touched |= {each.order.pk: each for each in met}
    return list(touched.values())


def _lock_concerned(changed: Sequence[Quote]) -> list[Order]:
    """Orders that the round may fill, locked by id.

    These are the crossed ones, the waiting ones, and, where one waits, all that it might meet.
    """
    instruments = [quote.instrument_id for quote in changed]
    waiting = Order.objects.filter(
        instrument__in=instruments, status=OrderStatus.ACCEPTED
    ).values_list("instrument_id", flat=True)
    crossed = Q(side=Side.BUY, limit_price__gte=F("instrument__quote__ask")) | Q(
        side=Side.SELL, limit_price__lte=F("instrument__quote__bid")
    )
    rows = (
        Order.objects.select_for_update(of=("self",))
        .filter(instrument__in=instruments)
        .filter(
            Q(status=OrderStatus.ACCEPTED)
            | Q(status__in=WORKING_STATUSES) & (crossed | Q(instrument__in=list(waiting)))
        )
        .select_related("instrument", "instrument__bond")
        .order_by("pk")
    )
    return list(rows)


def _in_priority(workings: Iterable[Working]) -> list[Working]:
    """Resting orders by price, then time; the ones that wake come after them, by time."""

    def priority(working: Working) -> tuple[bool, Decimal, UUID]:
        order = working.order
        waits = order.status == OrderStatus.ACCEPTED
        price = Decimal(0) if waits else _limit(order)
        return (waits, -price if working.buys else price, order.pk)

    return sorted(workings, key=priority)


def _met_by(order: Order, workings: Iterable[Working]) -> list[Order]:
    worst = execution.worst_price(order)
    side: matching.SideName = "buy" if order.side == Side.BUY else "sell"
    resting = [
        other.order
        for other in workings
        if other.order.instrument_id == order.instrument_id
        and other.order.side != order.side
        and other.order.status in WORKING_STATUSES
        and matching.crosses(side, worst, _limit(other.order))
    ]
    return _best_first(resting, meets=order.side)


def _fill_resting(working: Working, quote: Quote, now: datetime) -> list[Working]:
    """The street has come to a resting order, which trades at the street's price."""
    order = working.order
    outcome = _match(order, (), quote)
    if not outcome.matches:
        return []
    for match in outcome.matches:
        execution.trade(taker=None, maker=working, price=match.price, units=match.units, at=now)
    feed.take(quote, order.side, outcome.units)
    execution.save([order])
    return [working]
