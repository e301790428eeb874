"""Where a trade becomes true: executions, postings, holds and the order's totals, together.

Everything happens in a blotter, whose orders are locked, as is the quote that they trade at.
"""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from banking import holds, ledger
from banking.models import Bucket, EntryKind, HouseAccount, LedgerAccount
from banking.rules.assets import EXACT, USD
from be.database.rows import Factory
from be.kernel.identifiers import uuid7
from exchange.market import quotes
from exchange.models import Execution, Instrument, Liquidity, OrderStatus
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.rules import amounts
from exchange.trading.settlement import lifecycle, reservations
from exchange.trading.settlement.blotter import Blotter

_executions = Factory(Execution)


def trade(
    blotter: Blotter,
    *,
    taker: WorkingOrder | None,
    maker: WorkingOrder | None,
    price: Decimal,
    units: int,
) -> None:
    """Fill `units` at `price` between two customers' orders, or one of them and the street (None).

    Adds an execution for each order and one journal entry.
    """
    sides = ((taker, Liquidity.TAKER), (maker, Liquidity.MAKER))
    parties = [(working, liquidity) for working, liquidity in sides if working is not None]
    trade_id = uuid7(blotter.now)
    lines: list[ledger.Line] = []
    fee_cents = 0
    for working, liquidity in parties:
        fill = _record_fill(blotter, working, trade_id, liquidity, price, units)
        lines += _lines_of(blotter, working, fill)
        fee_cents += fill.fee_cents
    lines += _house_lines(blotter, parties[0][0].order.instrument, lines, fee_cents)
    blotter.journal.post(kind=EntryKind.TRADE, reference=trade_id, lines=lines)
    for working, _ in parties:
        if working.order.status == OrderStatus.FILLED:
            lifecycle.follow_end(blotter, working)


def _record_fill(
    blotter: Blotter,
    working: WorkingOrder,
    trade_id: UUID,
    liquidity: Liquidity,
    price: Decimal,
    units: int,
) -> Execution:
    order, at = working.order, blotter.now
    accrued = quotes.accrued_interest(order.instrument, at)
    fee_bps = order.maker_fee_bps if liquidity == Liquidity.MAKER else order.taker_fee_bps
    before = working.totals
    after = before.plus(reservations.value_of(order, units, EXACT.add(price, accrued)), fee_bps)
    cash = amounts.bought(before, after) if working.buys else amounts.sold(before, after)
    fill = _executions.new(
        id=uuid7(at),
        order=order,
        owner_id=order.owner_id,
        trade_id=trade_id,
        price=price,
        accrued_interest=accrued,
        quantity=units,
        cents=cash.cents,
        fee_cents=cash.fee_cents,
        liquidity=liquidity.value,
        executed_at=at,
    )
    working.totals = after
    working.fills.append(fill)
    order.filled_quantity += units
    complete = order.remaining_quantity == 0
    lifecycle.move(order, OrderStatus.FILLED if complete else OrderStatus.PARTIALLY_FILLED, at)
    blotter.touch(working)
    lifecycle.follow_fill(blotter, working, units)
    return fill


def _lines_of(blotter: Blotter, working: WorkingOrder, fill: Execution) -> list[ledger.Line]:
    """The customer's side: what leaves, from the hold if there is one, and what comes."""
    if working.buys:
        return [
            *_payment(blotter, working, working.cash, fill.cents + fill.fee_cents),
            ledger.Line(working.position, fill.quantity),
        ]
    return [
        *_payment(blotter, working, working.position, fill.quantity),
        ledger.Line(working.cash, fill.cents - fill.fee_cents),
    ]


def _payment(
    blotter: Blotter, working: WorkingOrder, account: LedgerAccount, units: int
) -> list[ledger.Line]:
    """Take `units` from the hold, and give back what it no longer needs; or take them as is.

    A stop that is filled after a gap can cost more than its hold: the rest comes from what is
    available, which has been checked.
    """
    hold = working.hold
    if hold is None:
        return [ledger.Line(account, -units)]
    given_up = holds.settle(
        hold,
        remaining=min(reservations.units_to_hold(working), hold.remaining),
        final=working.order.status == OrderStatus.FILLED,
        at=blotter.now,
        journal=blotter.journal,
    )
    return [
        ledger.Line(account, -given_up, Bucket.HELD),
        ledger.Line(account, given_up - units, Bucket.AVAILABLE),
    ]


def _house_lines(
    blotter: Blotter, instrument: Instrument, lines: Sequence[ledger.Line], fee_cents: int
) -> list[ledger.Line]:
    """The other side of what the customers' lines leave open.

    Fees go to the house. Between two customers the securities cancel out and the odd cent goes to
    rounding; against the street, the market gives the one and takes the other.
    """
    asset = instrument.asset
    open_cents = -sum(line.units for line in lines if line.account.asset == USD.code)
    open_units = -sum(line.units for line in lines if line.account.asset == asset.code)
    rest = HouseAccount.MARKET if open_units else HouseAccount.ROUNDING
    return [
        ledger.Line(blotter.house(HouseAccount.FEES, USD), fee_cents),
        ledger.Line(blotter.house(rest, USD), open_cents - fee_cents),
        ledger.Line(blotter.house(HouseAccount.MARKET, asset), open_units),
    ]
