"""Where a trade becomes true: executions, postings, holds and the order's totals, together.

Callers hold the lock on the quote and on every order that takes part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from banking import holds, ledger
from banking.assets import EXACT, USD
from banking.models import Bucket, EntryKind, Hold, HouseAccount, LedgerAccount
from be.api.identifiers import uuid7
from exchange.market import quotes
from exchange.models import Execution, Liquidity, Order, OrderStatus, Side
from exchange.trading import amounts, states
from exchange.trading.matching import Match


@dataclass(slots=True)
class Working:
    """A locked order with all that a fill changes: its accounts, its hold, what it has paid."""

    order: Order
    cash: LedgerAccount
    position: LedgerAccount
    hold: Hold | None
    totals: amounts.Totals
    status_before: str
    new_executions: list[Execution] = field(default_factory=list)

    @property
    def buys(self) -> bool:
        return self.order.side == Side.BUY


def worst_price(order: Order) -> Decimal:
    """The worst price that the order may trade at: its limit, or the collar of a market order."""
    worst = order.limit_price or order.collar_price
    if worst is None:
        raise ValueError(f"order {order.pk} has neither a limit nor a collar")
    return worst


def open_working(waiting: Sequence[Order], *, arriving: Order | None = None) -> dict[UUID, Working]:
    """Load what fills need for these locked orders. Keys are order ids.

    Orders that wait or rest have a hold each; one that is arriving has none. The accounts are
    locked here, all at once and in the order of their ids.
    """
    orders = [*waiting, arriving] if arriving else waiting
    accounts = ledger.lock(
        (order.owner_id, asset) for order in orders for asset in (USD, order.instrument.asset)
    )
    return {
        order.pk: Working(
            order,
            accounts[order.owner_id, USD.code],
            accounts[order.owner_id, order.instrument.symbol],
            hold,
            _totals_so_far(order),
            order.status,
        )
        for order, hold in _with_holds(orders, waiting)
    }


def _with_holds(
    orders: Sequence[Order], waiting: Sequence[Order]
) -> list[tuple[Order, Hold | None]]:
    reserved: dict[UUID, Hold] = {}
    if waiting:
        live = Hold.objects.select_related("account").filter(
            reference__in=[order.pk for order in waiting], ended_at__isnull=True
        )
        reserved = {hold.reference: hold for hold in live}
    return [(order, reserved.get(order.pk)) for order in orders]


def _totals_so_far(order: Order) -> amounts.Totals:
    totals = amounts.Totals()
    if order.filled_quantity:
        for fill in order.executions.order_by("pk"):
            price = fill.price + fill.accrued_interest
            totals = totals.plus(_value(order, fill.quantity, price), _fee_bps(order, fill))
    return totals


def _value(order: Order, units: int, price: Decimal) -> Decimal:
    instrument = order.instrument
    return amounts.exact_value(instrument.asset, units, price, instrument.price_divisor)


def _fee_bps(order: Order, fill: Execution) -> int:
    return order.maker_fee_bps if fill.liquidity == Liquidity.MAKER else order.taker_fee_bps


def trade(
    *,
    taker: Working | None,
    maker: Working | None,
    price: Decimal,
    units: int,
    at: datetime,
) -> None:
    """Fill `units` at `price` between two customers' orders, or one of them and the street.

    Writes an execution for each order and one journal entry. Raises InsufficientFunds or
    InsufficientPosition, with nothing moved, if a side without a hold can't deliver.
    """
    trade_id = uuid7(at)
    sides = [
        (working, liquidity)
        for working, liquidity in ((taker, Liquidity.TAKER), (maker, Liquidity.MAKER))
        if working is not None
    ]
    lines: list[ledger.Line] = []
    fee_cents = 0
    for working, liquidity in sides:
        fill = _record_fill(working, trade_id, liquidity, price, units, at)
        lines += _lines_of(working, fill, at)
        fee_cents += fill.fee_cents
    lines += _house_lines(sides[0][0], lines, fee_cents)
    ledger.post(kind=EntryKind.TRADE, reference=trade_id, lines=lines, at=at)


def _record_fill(
    working: Working,
    trade_id: UUID,
    liquidity: Liquidity,
    price: Decimal,
    units: int,
    at: datetime,
) -> Execution:
    order = working.order
    accrued = quotes.accrued_interest(order.instrument, at)
    fee_bps = order.maker_fee_bps if liquidity == Liquidity.MAKER else order.taker_fee_bps
    before = working.totals
    after = before.plus(_value(order, units, EXACT.add(price, accrued)), fee_bps)
    cash = amounts.bought(before, after) if working.buys else amounts.sold(before, after)
    fill = Execution.objects.create(
        id=uuid7(at),
        order=order,
        trade_id=trade_id,
        price=price,
        accrued_interest=accrued,
        quantity=units,
        cents=cash.cents,
        fee_cents=cash.fee_cents,
        liquidity=liquidity,
        executed_at=at,
    )
    working.totals = after
    working.new_executions.append(fill)
    order.filled_quantity += units
    complete = order.remaining_quantity == 0
    move(order, OrderStatus.FILLED if complete else OrderStatus.PARTIALLY_FILLED, at)
    return fill


def _lines_of(working: Working, fill: Execution, at: datetime) -> list[ledger.Line]:
    """The customer's side: what leaves, from the hold if there is one, and what comes."""
    if working.buys:
        price = fill.cents + fill.fee_cents
        return [
            *_payment(working, working.cash, price, at),
            ledger.Line(working.position, fill.quantity),
        ]
    return [
        *_payment(working, working.position, fill.quantity, at),
        ledger.Line(working.cash, fill.cents - fill.fee_cents),
    ]


def _payment(
    working: Working, account: LedgerAccount, units: int, at: datetime
) -> list[ledger.Line]:
    """Take `units` from the hold, and give back what it no longer needs; or take them as is."""
    if working.hold is None:
        return [ledger.Line(account, -units)]
    given_up = holds.settle(
        working.hold,
        remaining=units_to_hold(working),
        final=working.order.status == OrderStatus.FILLED,
        at=at,
    )
    return [
        ledger.Line(account, -given_up, Bucket.HELD),
        ledger.Line(account, given_up - units, Bucket.AVAILABLE),
    ]


def _house_lines(
    working: Working, lines: Sequence[ledger.Line], fee_cents: int
) -> list[ledger.Line]:
    """The other side of what the customers' lines leave open.

    Fees go to the house. Between two customers the securities cancel out and the odd cent goes to
    rounding; against the street, the market gives the one and takes the other.
    """
    asset = working.order.instrument.asset
    open_cents = -sum(line.units for line in lines if line.account.asset == USD.code)
    open_units = -sum(line.units for line in lines if line.account.asset == asset.code)
    rest = HouseAccount.MARKET if open_units else HouseAccount.ROUNDING
    house = [(HouseAccount.FEES, USD, fee_cents), (rest, USD, open_cents - fee_cents)]
    if open_units:
        house.append((HouseAccount.MARKET, asset, open_units))
    return ledger.house_lines(house)


def units_to_hold(working: Working) -> int:
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
    price = EXACT.add(worst_price(order), quotes.most_accrued_interest(order.instrument))
    fee_bps = max(order.maker_fee_bps, order.taker_fee_bps)
    return amounts.cents_to_hold(totals, _value(order, units, price), fee_bps)


def require_covered(
    working: Working, matches: Sequence[Match], *, rests: bool, at: datetime
) -> None:
    """Refuse an arriving order whose owner can't deliver all of it, before anything has moved.

    `matches` are what it would trade at once; with `rests` the remainder needs a hold as well.
    Raises InsufficientFunds or InsufficientPosition with the figure for the whole order.
    """
    order = working.order
    if not working.buys:
        ledger.require_available(working.position, order.remaining_quantity)
        return
    accrued = quotes.accrued_interest(order.instrument, at)
    totals = working.totals
    for match in matches:
        value = _value(order, match.units, EXACT.add(match.price, accrued))
        totals = totals.plus(value, order.taker_fee_bps)
    cash = totals.paid()
    rest = order.remaining_quantity - sum(match.units for match in matches) if rests else 0
    ledger.require_available(
        working.cash, cash.cents + cash.fee_cents + _cents_at_worst(order, totals, rest)
    )


def reserve(working: Working, at: datetime) -> None:
    """Hold what the rest of the order needs, when it is to wait and has no hold yet."""
    if working.hold is None:
        account = working.cash if working.buys else working.position
        working.hold = holds.hold(
            account=account, units=units_to_hold(working), reference=working.order.pk, at=at
        )


def move(order: Order, status: OrderStatus, at: datetime) -> None:
    """Make a legal move and stamp it; the caller saves the order."""
    states.require_legal(order.status, status)
    order.status = status
    order.updated_at = at
    if status == OrderStatus.FILLED:
        order.filled_at = at
    elif status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        order.canceled_at = at if status == OrderStatus.CANCELED else None


def end(working: Working, status: OrderStatus, at: datetime, *, reason: str = "") -> None:
    """Take the order off the market and release what it still holds."""
    move(working.order, status, at)
    working.order.reject_reason = reason
    if working.hold is not None and working.hold.ended_at is None:
        holds.release(working.hold, at=at)


CHANGING_FIELDS = [
    "quantity",
    "status",
    "filled_quantity",
    "reject_reason",
    "updated_at",
    "filled_at",
    "canceled_at",
]


def save(orders: Sequence[Order]) -> None:
    for order in orders:
        order.save(update_fields=CHANGING_FIELDS)
