"""A market order in plain ORM, as this project had it first: a reference of `make bench`.

One `save()` or `create()` for each row, a query whenever something is needed, and an event loop for
each message. It trades against the street only.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from banking.ledger import InsufficientFunds
from banking.models import (
    Bucket,
    EntryKind,
    HouseAccount,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.rules.assets import USD
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid
from exchange.market import book, instruments, quotes
from exchange.models import (
    WORKING_STATUSES,
    Execution,
    Instrument,
    Liquidity,
    Order,
    OrderFeed,
    OrderStatus,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from exchange.streaming import publisher
from exchange.trading.intake import requests
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.reports import documents
from exchange.trading.rules import amounts, matching

CHANGING_FIELDS = [
    "quantity",
    "status",
    "filled_quantity",
    "reject_reason",
    "updated_at",
    "filled_at",
    "canceled_at",
]
Line = tuple[LedgerAccount, int]


@transaction.atomic
def place(*, owner_id: UUID, request: OrderRequest, now: datetime) -> Order:
    """Buy at the market. Raises InsufficientFunds, and Invalid for other kinds of orders."""
    instrument = instruments.find(request.symbol)
    requests.check_shape(request, instrument)
    if request.side != Side.BUY or request.quantity is None:
        raise Invalid("The baseline buys a quantity at the market.", field="side")
    quote = Quote.objects.select_for_update().get(pk=instrument.pk)
    quote.instrument = instrument
    instrument.refresh_from_db(fields=["status", "tradable"])
    requests.check_tradable(request.order_type, instrument)
    order = _new_order(owner_id, request, instrument, quote, now)
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid("Used before.", field="client_order_id") from error
    outcome = _match(order, quote, _lock_resting(order, now))
    accounts = _lock_accounts(owner_id, instrument)
    _require_covered(order, outcome, accounts[USD.code])
    fills = [_trade(order, accounts, match, now) for match in outcome.matches]
    quote.ask_taken += outcome.street_units
    quote.save(update_fields=["ask_taken"])
    order.save(update_fields=CHANGING_FIELDS)
    _publish(order, fills)
    return order


def _new_order(
    owner_id: UUID, request: OrderRequest, instrument: Instrument, quote: Quote, now: datetime
) -> Order:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Order(
        id=uuid7(now),
        owner_id=owner_id,
        instrument=instrument,
        client_order_id=request.client_order_id,
        side=request.side,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        quantity=instrument.asset.units(request.quantity or Decimal(0)),
        collar_price=(quote.ask * Decimal("1.05")).quantize(instrument.price_increment),
        status=OrderStatus.NEW,
        created_at=now,
        updated_at=now,
        expires_at=midnight,
    )


def _lock_resting(order: Order, now: datetime) -> list[Order]:
    return list(
        Order.objects.select_for_update(of=("self",))
        .filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            instrument=order.instrument,
            side=Side.SELL,
            status__in=WORKING_STATUSES,
            limit_price__lte=order.collar_price,
        )
        .order_by("pk")
    )


def _match(order: Order, quote: Quote, resting: Sequence[Order]) -> matching.Outcome:
    return matching.match(
        matching.Incoming(
            side="buy",
            owner_id=order.owner_id,
            worst_price=order.collar_price or Decimal(0),
            units=order.remaining_quantity,
        ),
        resting=[
            matching.Resting(
                maker.pk, maker.owner_id, maker.limit_price or Decimal(0), maker.remaining_quantity
            )
            for maker in resting
        ],
        levels=book.street_levels(order.instrument, quote, Side.BUY),
    )


def _lock_accounts(owner_id: UUID, instrument: Instrument) -> dict[str, LedgerAccount]:
    rows = (
        LedgerAccount.objects.select_for_update()
        .filter(owner_id=owner_id, asset__in=[USD.code, instrument.symbol])
        .order_by("pk")
    )
    accounts = {row.asset: row for row in rows}
    if instrument.symbol not in accounts:
        accounts[instrument.symbol] = LedgerAccount.objects.create(
            owner_id=owner_id, asset=instrument.symbol, scale=instrument.asset.scale
        )
    return accounts


def _require_covered(order: Order, outcome: matching.Outcome, cash: LedgerAccount) -> None:
    totals = amounts.Totals()
    for match in outcome.matches:
        totals = totals.plus(_value(order, match.units, match.price), order.taker_fee_bps)
    paid = totals.paid()
    if cash.available < paid.cents + paid.fee_cents:
        raise InsufficientFunds("Not enough money for all of it.")


def _value(order: Order, units: int, price: Decimal) -> Decimal:
    instrument = order.instrument
    return amounts.exact_value(instrument.asset, units, price, instrument.price_divisor)


def _trade(
    order: Order, accounts: dict[str, LedgerAccount], match: matching.Match, now: datetime
) -> Execution:
    accrued = quotes.accrued_interest(order.instrument, now)
    before = amounts.Totals()
    after = before.plus(_value(order, match.units, match.price + accrued), order.taker_fee_bps)
    paid = amounts.bought(before, after)
    trade_id = uuid7(now)
    fill = Execution.objects.create(
        id=uuid7(now),
        order=order,
        owner_id=order.owner_id,
        trade_id=trade_id,
        price=match.price,
        accrued_interest=accrued,
        quantity=match.units,
        cents=paid.cents,
        fee_cents=paid.fee_cents,
        liquidity=Liquidity.TAKER,
        executed_at=now,
    )
    order.filled_quantity += match.units
    complete = order.remaining_quantity == 0
    order.status = OrderStatus.FILLED if complete else OrderStatus.PARTIALLY_FILLED
    order.filled_at = now if complete else None
    own = [
        (accounts[USD.code], -paid.cents - paid.fee_cents),
        (accounts[order.instrument.symbol], match.units),
    ]
    _post(trade_id, [*own, *_house_lines(order.instrument, match.units, paid)], now)
    return fill


def _house_lines(instrument: Instrument, units: int, paid: amounts.Cash) -> list[Line]:
    movements = [
        (HouseAccount.FEES, USD, paid.fee_cents),
        (HouseAccount.MARKET, USD, paid.cents),
        (HouseAccount.MARKET, instrument.asset, -units),
    ]
    moving = [movement for movement in movements if movement[2]]
    rows = LedgerAccount.objects.filter(
        owner=None,
        house__in={role for role, _, _ in moving},
        asset__in={asset.code for _, asset, _ in moving},
    )
    known = {(row.house, row.asset): row for row in rows}
    return [(known[role, asset.code], units) for role, asset, units in moving]


@transaction.atomic
def _post(reference: UUID, lines: Sequence[Line], now: datetime) -> None:
    own = [line for line in lines if line[0].owner_id is not None]
    for account, units in sorted(own, key=lambda line: line[0].pk):
        changed = LedgerAccount.objects.filter(
            pk=account.pk, available__gte=-units, held__gte=0
        ).update(available=F("available") + units, held=F("held") + 0)
        if not changed:
            raise InsufficientFunds("Not enough money.")
    entry = JournalEntry.objects.create(kind=EntryKind.TRADE, reference=reference, created_at=now)
    Posting.objects.bulk_create(
        Posting(
            entry=entry,
            account=account,
            owner_id=account.owner_id,
            bucket=Bucket.AVAILABLE,
            units=units,
            created_at=now,
        )
        for account, units in lines
    )


def _publish(order: Order, fills: Sequence[Execution]) -> None:
    document = documents.order(order)
    updates: list[dict[str, Any]] = [{"event": "new", "order": document, "execution": None}]
    updates += [
        {
            "event": "fill",
            "order": document,
            "execution": documents.execution(fill, order.instrument),
        }
        for fill in fills
    ]
    feed, _ = OrderFeed.objects.select_for_update().get_or_create(owner_id=order.owner_id)
    for number, update in enumerate(updates, start=feed.sequence + 1):
        update["sequence"] = number
    feed.sequence += len(updates)
    feed.save(update_fields=["sequence"])
    message = {"type": "stream.orders", "owner": str(order.owner_id), "updates": updates}
    transaction.on_commit(partial(_send, message))


def _send(message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async_to_sync(layer.group_send)(publisher.GROUP, message)
