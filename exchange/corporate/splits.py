"""Splits: holders, open orders, the quote and candles are restated in new shares.

A split is one transaction that holds the quote's lock, so every trade is wholly before it or wholly
after it. Executions keep the shares of their time. A partly filled order keeps its filled quantity;
the rest of it is restated.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import BigIntegerField, DecimalField, F, Value
from django.db.models.functions import Greatest, Round

from banking import holds, ledger
from banking.ledger import Line
from banking.models import Bucket, EntryKind, Hold, HouseAccount, LedgerAccount
from banking.rules.assets import EXACT, USD
from be.database import statements
from be.kernel.formats import decimals
from be.kernel.identifiers import uuid7
from exchange.corporate import holders
from exchange.corporate.rules import terms
from exchange.market import quotes, revisions
from exchange.market.rules.ticks import increment_at
from exchange.models import (
    OPEN_STATUSES,
    ActionKind,
    Candle,
    CorporateAction,
    Entitlement,
    Instrument,
    Order,
    OrderFeed,
    OrderStatus,
    Quote,
    Side,
    Simulator,
)
from exchange.streaming import publish
from exchange.trading import orders
from exchange.trading.intake import requests
from exchange.trading.reports import updates
from exchange.trading.rows import order_rows
from exchange.trading.rules import naming, stops

CANCEL_REASON = "split"
# The prices of an order that are on the price grid, and those that are not.
GRID_PRICES = ("limit_price", "stop_price", "collar_price")
FREE_PRICES = ("trail_amount", "peak_price")
MIN_PRICE = Decimal("1e-8")  # the smallest that can be stored
RESTATED = ("quantity", *GRID_PRICES, *FREE_PRICES)
# The fields in RESTATED of an order, as they are after a split.
Values = dict[str, Decimal | int | None]


def split(action: CorporateAction, *, now: datetime) -> int:
    """Carry a split out; returns how many holders got new shares.

    The caller has begun a transaction.
    """
    ratio = Fraction(action.new_shares or 0, action.old_shares or 1)
    # The lock order of a market round: this row, then quotes.
    rounds = [*Simulator.objects.select_for_update().values_list("rounds", flat=True)]
    quote = (
        Quote.objects.select_for_update(of=("self",))
        .select_related("instrument")
        .filter(pk=action.instrument_id)
        .first()
    )
    open_orders = _lock_open_orders(action.instrument)
    reserved = _restate_holds(open_orders, ratio)
    count = _exchange_shares(action, open_orders, reserved, ratio, now)
    _restate_orders(open_orders, ratio, now)
    if quote is not None:
        _restate_quote(quote, ratio)
        transaction.on_commit(partial(_publish, quote, max(rounds, default=0)))
    _restate_candles(action.instrument, ratio)
    return count


def cumulative_ratios() -> dict[str, Fraction]:
    """Shares of today for one share before all splits, by symbol; without those never split.

    A split and its opposite leave 1.
    """
    carried_out = CorporateAction.objects.filter(
        kind=ActionKind.SPLIT, carried_out_at__isnull=False
    ).values_list("instrument__symbol", "new_shares", "old_shares")
    ratios: dict[str, Fraction] = {}
    for symbol, new, old in carried_out:
        ratios[symbol] = ratios.get(symbol, Fraction(1)) * Fraction(new or 1, old or 1)
    return ratios


# Orders -----------------------------------------------------------------------------------------


def _lock_open_orders(instrument: Instrument) -> list[Order]:
    found = Order.objects.select_for_update().filter(
        instrument=instrument, status__in=OPEN_STATUSES
    )
    rows = list(found.order_by("pk"))
    for order in rows:
        order.instrument = instrument
    return rows


def _restate_holds(open_orders: Sequence[Order], ratio: Fraction) -> Counter[int]:
    """Restate the holds of sell orders; returns the units held after it, by account id."""
    sellers = [order for order in open_orders if order.side == Side.SELL]
    references = {order.pair_id or order.pk for order in sellers}
    reserved = Counter[int]()
    for hold in Hold.objects.filter(reference__in=references, ended_at__isnull=True).order_by("pk"):
        holds.restate(hold, remaining=terms.units_after_split(hold.remaining, ratio), factor=ratio)
        reserved[hold.account_id] += hold.remaining
    return reserved


def _restate_orders(open_orders: Sequence[Order], ratio: Fraction, now: datetime) -> None:
    """Restate the unfilled part of each order; cancel the order where that is not possible."""
    kept, canceled = [], []
    for order in open_orders:
        values = restated(order, ratio)
        _restate_lots(order, values)
        if is_possible(order, values):
            for name, value in values.items():
                setattr(order, name, value)
            order.updated_at = now
            kept.append(order)
        else:
            # Its legs are restated already, and become active for what the order has bought.
            order.quantity = _storable(values["quantity"]) or order.quantity
            canceled.append(order)
    Order.objects.bulk_update(kept, [*RESTATED, "updated_at"], batch_size=200)
    naming_lots = [order for order in open_orders if order.lots is not None]
    Order.objects.bulk_update(naming_lots, ["lots"], batch_size=200)
    _lock_counters(open_orders)
    _send_updates(kept)
    orders.end_locked(canceled, OrderStatus.CANCELED, reason=CANCEL_REASON, now=now)


def _restate_lots(order: Order, values: Values) -> None:
    """Restate what is left of the lots that an order names, as its quantity is."""
    quantity = _storable(values["quantity"])
    if order.lots is not None and quantity is not None:
        filled = order.filled_quantity
        order.lots = naming.after_split(
            naming.units_of(order.lots), filled=filled, units=quantity - filled
        )


def is_possible(order: Order, values: Values) -> bool:
    """Whether some of the order is left, at prices that an order may have."""
    left = order.quantity is None or (_storable(values["quantity"]) or 0) > order.filled_quantity
    prices = [values[name] for name in (*GRID_PRICES, *FREE_PRICES)]
    return left and all(price is None or 0 < price <= requests.MAX_PRICE for price in prices)


def _storable(units: Decimal | int | None) -> int | None:
    return int(units) if units is not None and units <= BigIntegerField.MAX_BIGINT else None


def _lock_counters(changed: Sequence[Order]) -> None:
    """Lock the update counters of all owners in order: kept and canceled orders both count."""
    feeds = OrderFeed.objects.filter(owner__in={order.owner_id for order in changed})
    list(feeds.select_for_update().order_by("owner_id").values_list("pk"))


def restated(order: Order, ratio: Fraction) -> Values:
    """The quantity and prices of an order after the split."""
    values: Values = {name: getattr(order, name) for name in RESTATED}
    if order.quantity is not None:
        left = terms.units_after_split(order.remaining_quantity, ratio)
        values["quantity"] = order.filled_quantity + left
    for name in GRID_PRICES:
        if (price := getattr(order, name)) is not None:
            values[name] = _on_grid(price, ratio, order.instrument, down=order.side == Side.BUY)
    for name in FREE_PRICES:
        if (price := getattr(order, name)) is not None:
            values[name] = terms.price_after_split(price, ratio)
    if order.peak_price is not None:
        values["stop_price"] = _trailing_price(order, ratio)
    return values


def _trailing_price(order: Order, ratio: Fraction) -> Decimal:
    """The stop price of a trailing stop, by the rule that it follows at each quote."""
    peak, amount = order.peak_price or Decimal(0), order.trail_amount
    distance = stops.Trail(
        None if amount is None else terms.price_after_split(amount, ratio), order.trail_percent
    )
    return stops.trailing_price(
        order.side,
        terms.price_after_split(peak, ratio),
        distance,
        order.instrument.price_increment,
    )


def _send_updates(changed: Sequence[Order]) -> None:
    """Send each owner the updates of the restated orders."""
    by_owner = updates.of_new_terms(changed)
    (numbers,) = statements.run((order_rows.COUNT_UPDATES, updates.counts(by_owner)))
    updates.send_on_commit(by_owner, numbers)


# Shares -----------------------------------------------------------------------------------------


def _exchange_shares(
    action: CorporateAction,
    open_orders: Sequence[Order],
    reserved: Mapping[int, int],
    ratio: Fraction,
    now: datetime,
) -> int:
    """Give every holder new shares for old, against the market's account."""
    asset = action.instrument.asset
    owners = [owner_id for owner_id, _ in holders.current(asset.code)]
    # Orders that are canceled give money back. Accounts are locked before the update counters.
    everyone = {*owners, *(order.owner_id for order in open_orders)}
    accounts = ledger.lock(everyone, [USD, asset], roles=[HouseAccount.MARKET])
    market = accounts[HouseAccount.MARKET, asset.code]
    given: list[Entitlement] = []
    with ledger.journal(now) as journal:
        for owner_id in owners:
            account = accounts[owner_id, asset.code]
            entitlement = _entitlement(action, owner_id, account, ratio, now)
            lines = _lines(account, entitlement.units_after, reserved.get(account.pk, 0))
            change = sum(line.units for line in lines)
            given.append(entitlement)
            if any(line.units for line in lines):
                journal.post(
                    kind=EntryKind.SPLIT,
                    reference=entitlement.pk,
                    lines=[*lines, Line(market, -change)],
                )
    Entitlement.objects.bulk_create(given, batch_size=200)
    return len(given)


def _entitlement(
    action: CorporateAction,
    owner_id: UUID,
    account: LedgerAccount,
    ratio: Fraction,
    now: datetime,
) -> Entitlement:
    units = account.available + account.held
    return Entitlement(
        id=uuid7(now),
        action=action,
        owner_id=owner_id,
        units=units,
        units_after=terms.units_after_split(units, ratio),
        cents=0,
        carried_out_at=now,
    )


def _lines(account: LedgerAccount, units_after: int, held_after: int) -> list[Line]:
    """The changes to both buckets: held is what the holds reserve, the rest is available."""
    return [
        Line(account, units_after - held_after - account.available, Bucket.AVAILABLE),
        Line(account, held_after - account.held, Bucket.HELD),
    ]


# Prices -----------------------------------------------------------------------------------------


def _on_grid(price: Decimal, ratio: Fraction, instrument: Instrument, *, down: bool) -> Decimal:
    return terms.order_price_after_split(
        price, ratio, instrument.price_increment, instrument.asset_class, buys=down
    )


def _min_price(instrument: Instrument) -> Decimal:
    return increment_at(0, instrument.price_increment, instrument.asset_class)


def _restate_quote(quote: Quote, ratio: Fraction) -> None:
    instrument = quote.instrument
    quote.came_from = quote.low_ahead = None  # they describe a move of the old price
    for name in ("price", "bid", "ask", "previous_close", "open", "high", "low"):
        new = _on_grid(getattr(quote, name), ratio, instrument, down=name != "ask")
        if new > requests.MAX_PRICE:  # SQLite would store it, and then fail to read it
            raise ValueError(f"{instrument.symbol} at {new} is above {requests.MAX_PRICE}")
        setattr(quote, name, max(new, _min_price(instrument)))
    for name in ("bid_size", "ask_size", "volume", "bid_taken", "ask_taken"):
        setattr(quote, name, terms.units_after_split(getattr(quote, name), ratio))
    quote.sequence += 1  # another quote: whoever has the old one must see that
    quote.save()


def _publish(quote: Quote, sequence: int) -> None:
    """Old prices must not stand until the next round, which a halted instrument does not get."""
    publish.quotes(sequence=sequence, documents=[quotes.document(quote)])


def _restate_candles(instrument: Instrument, ratio: Fraction) -> None:
    """Restate candles in today's shares, as charts do: else a split would look like a crash."""
    new, old = ratio.numerator, ratio.denominator
    prices = {name: _candle_price(name, ratio) for name in ("open", "high", "low", "close")}
    # Quotient and remainder separately, so that no intermediate value overflows.
    volume = F("volume") / old * new + F("volume") % old * new / old
    Candle.objects.filter(instrument=instrument).update(**prices, volume=volume)
    revisions.count()


def _candle_price(name: str, ratio: Fraction) -> Greatest:
    """The price as exactly as it can be stored, and never zero.

    It is not rounded to the price grid: past values of accounts, which are computed from candles,
    must not change by any number of splits.
    """
    exact = F(name) * _decimal(EXACT.divide(Decimal(ratio.denominator), Decimal(ratio.numerator)))
    return Greatest(Round(exact, precision=decimals(MIN_PRICE)), _decimal(MIN_PRICE))


def _decimal(value: Decimal) -> Value:
    return Value(value, DecimalField(max_digits=40, decimal_places=20))
