"""Executing a trade: the executions, postings, holds and totals of its orders change together.

They change in a blotter. Its orders are locked, and so is the quote that they trade at.
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
    parties = [(party, liquidity) for party, liquidity in sides if party is not None]
    trade_id = uuid7(blotter.now)
    lines: list[ledger.Line] = []
    fee_cents = 0
    for working_order, liquidity in parties:
        fill = _record_fill(blotter, working_order, trade_id, liquidity, price, units)
        lines += _lines_of(blotter, working_order, fill)
        fee_cents += fill.fee_cents
    lines += _house_lines(blotter, parties[0][0].order.instrument, lines, fee_cents)
    blotter.journal.post(kind=EntryKind.TRADE, reference=trade_id, lines=lines)
    for working_order, _ in parties:
        if working_order.order.status == OrderStatus.FILLED:
            lifecycle.after_end(blotter, working_order)


def _record_fill(
    blotter: Blotter,
    working_order: WorkingOrder,
    trade_id: UUID,
    liquidity: Liquidity,
    price: Decimal,
    units: int,
) -> Execution:
    order, at = working_order.order, blotter.now
    accrued = quotes.accrued_interest(order.instrument, at)
    fee_bps = order.maker_fee_bps if liquidity == Liquidity.MAKER else order.taker_fee_bps
    before = working_order.totals
    after = before.plus(reservations.value_of(order, units, EXACT.add(price, accrued)), fee_bps)
    cash = amounts.bought(before, after) if working_order.buys else amounts.sold(before, after)
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
    working_order.totals = after
    working_order.fills.append(fill)
    order.filled_quantity += units
    complete = order.remaining_quantity == 0
    lifecycle.move(order, OrderStatus.FILLED if complete else OrderStatus.PARTIALLY_FILLED, at)
    blotter.mark_changed(working_order)
    lifecycle.after_fill(blotter, working_order, units)
    return fill


def _lines_of(blotter: Blotter, working_order: WorkingOrder, fill: Execution) -> list[ledger.Line]:
    """The customer's side: what is paid or delivered (from the hold, if any) and received."""
    if working_order.buys:
        return [
            *_payment(blotter, working_order, working_order.cash, fill.cents + fill.fee_cents),
            ledger.Line(working_order.position, fill.quantity),
        ]
    return [
        *_payment(blotter, working_order, working_order.position, fill.quantity),
        ledger.Line(working_order.cash, fill.cents - fill.fee_cents),
    ]


def _payment(
    blotter: Blotter, working_order: WorkingOrder, account: LedgerAccount, units: int
) -> list[ledger.Line]:
    """Take `units` from the hold and release what it no longer needs, or take what is available.

    A stop that is filled after a gap can cost more than its hold. The rest is taken from what is
    available, which `reservations.require_covered` has checked.
    """
    hold = working_order.hold
    if hold is None:
        return [ledger.Line(account, -units)]
    given_up = holds.settle(
        hold,
        remaining=min(reservations.units_to_hold(working_order), hold.remaining),
        final=working_order.order.status == OrderStatus.FILLED,
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
    """The house's side, which balances the customers' lines.

    Fees go to the house. Between two customers the securities cancel out, and an odd cent goes to
    the rounding account. Against the street, the market account is the counterparty.
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
