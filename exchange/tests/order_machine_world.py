"""The small market of the order machine: its instruments, and what Hypothesis may do in it.

Prices are on a coarse grid and most requests are about one instrument, so that orders often trade.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from banking.rules import rails
from exchange.market.rules.ticks import Tick
from exchange.models import Instrument, Order, OrderClass, OrderType, Side, TimeInForce
from exchange.tests import market
from exchange.trading.intake.requests import OrderRequest, ReplaceRequest, StopLoss, TakeProfit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument: its price grid, the sizes of its quotes and orders, and what customers own."""

    symbol: str
    base: Decimal
    step: Decimal
    spread: Decimal
    quantities: tuple[str, ...]
    sizes: tuple[str, ...]
    owned: tuple[str, ...]

    def price(self, steps: int) -> Decimal:
        return self.base + self.step * steps


STOCK = Listing(
    "AAPL",
    Decimal("100.00"),
    Decimal("0.10"),
    Decimal("0.04"),
    ("0.333333", "1", "2", "5", "10", "25"),
    ("0.5", "1", "10"),
    ("60", "12"),
)
COIN = Listing(
    "BTC-USD",
    Decimal("20000.00"),
    Decimal("20.00"),
    Decimal("8.00"),
    ("0.00012345", "0.01", "0.02", "0.1", "0.25"),
    ("0.005", "0.02", "0.2"),
    ("1", "0.2"),
)
BOND = Listing(
    "ACME-2033",
    Decimal("101.500"),
    Decimal("0.100"),
    Decimal("0.040"),
    ("1000", "2000", "7000"),
    ("1000", "2000", "9000"),
    ("40000", "7000"),
)
LISTINGS = {listing.symbol: listing for listing in (STOCK, COIN, BOND)}
CLASSES = {STOCK.symbol: "stock", COIN.symbol: "crypto", BOND.symbol: "bond"}

BANK_NUMBERS = ("55000001", rails.DELAYED, rails.RETURNED_LATER, rails.REFUSED, rails.RETURNED_FREE)

near = st.integers(-6, 6)
client_order_ids = st.sampled_from([*[None] * 10, "one", "two"])
mostly = st.sampled_from([True, True, True, True, True, False])
seldom = st.sampled_from([False, False, False, False, False, True])
someone = st.integers(0, 2)
banks = st.sampled_from(BANK_NUMBERS)
# The largest is most of what a customer has, so that a returned deposit can find it spent.
dollars = st.sampled_from(
    [Decimal("0.01"), Decimal("250.50"), Decimal("4000.00"), Decimal("17000.00")]
)


@st.composite
def simple_requests(draw: st.DrawFn, listing: Listing) -> OrderRequest:
    side = draw(st.sampled_from(Side))
    type_ = draw(st.sampled_from([OrderType.LIMIT, *OrderType]))
    fields: dict[str, Any] = {"time_in_force": draw(_times(listing, type_))}
    sized = (type_, fields["time_in_force"]) != (OrderType.MARKET, TimeInForce.FOK)
    if type_ == OrderType.MARKET and sized and draw(st.booleans()):
        fields["notional"] = draw(
            st.sampled_from(["1.00", "33.33", "200.00", "5000.00"]).map(Decimal)
        )
    else:
        fields["quantity"] = Decimal(draw(st.sampled_from(listing.quantities)))
    if type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        better = draw(st.integers(-8, 14))
        fields["limit_price"] = listing.price(-better if side == Side.BUY else better)
    if type_ in (OrderType.STOP, OrderType.STOP_LIMIT):
        away = draw(st.integers(-1, 10))
        fields["stop_price"] = listing.price(away if side == Side.BUY else -away)
    if type_ == OrderType.TRAILING_STOP:
        if draw(st.booleans()):
            fields["trail_amount"] = listing.step * draw(st.integers(1, 8))
        else:
            fields["trail_percent"] = draw(st.sampled_from(["0.1", "0.75", "3"]).map(Decimal))
    return OrderRequest(
        symbol=listing.symbol,
        side=side,
        order_type=type_,
        client_order_id=draw(client_order_ids),
        **fields,
    )


def _times(listing: Listing, type_: str) -> st.SearchStrategy[TimeInForce | None]:
    """The times in force that an order of this type may have."""
    waits: list[TimeInForce | None] = [None, TimeInForce.GTC]
    if listing is not COIN:
        waits.append(TimeInForce.DAY)
    if type_ in (OrderType.MARKET, OrderType.LIMIT):
        waits += [TimeInForce.IOC, TimeInForce.FOK]
    return st.sampled_from(waits)


@st.composite
def tied_requests(draw: st.DrawFn, listing: Listing) -> OrderRequest:
    """Brackets, and orders of which one triggers or cancels the other."""
    class_ = draw(st.sampled_from([OrderClass.BRACKET, OrderClass.OTO, OrderClass.OCO]))
    type_ = OrderType.LIMIT
    if class_ != OrderClass.OCO:
        type_ = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT]))
    profit = TakeProfit(listing.price(draw(st.integers(3, 12))))
    loss_at = listing.price(draw(st.integers(-12, -4)))
    entry = listing.price(draw(st.integers(-3, 2)))
    if class_ == OrderClass.OCO:
        entry = profit.limit_price
    loss = draw(
        st.sampled_from([None, listing.price(-20), listing.price(0), loss_at]).map(
            lambda limit: StopLoss(loss_at, limit)
        )
    )
    exits: dict[str, Any] = {"take_profit": profit, "stop_loss": loss}
    if class_ == OrderClass.OCO:
        del exits["take_profit"]
    elif class_ == OrderClass.OTO:
        del exits[draw(st.sampled_from(["take_profit", "stop_loss"]))]
    return OrderRequest(
        symbol=listing.symbol,
        side=Side.SELL if class_ == OrderClass.OCO else Side.BUY,
        order_type=type_,
        order_class=class_,
        quantity=Decimal(draw(st.sampled_from(listing.quantities[-3:]))),
        limit_price=entry if type_ == OrderType.LIMIT else None,
        time_in_force=draw(st.sampled_from([None, TimeInForce.GTC])),
        client_order_id=draw(client_order_ids),
        **exits,
    )


@st.composite
def rounds_of(draw: st.DrawFn, listing: Listing) -> tuple[Tick, ...]:
    """A round of new prices: most are near, some are a gap away."""
    others = [other for other in LISTINGS.values() if other is not listing]
    chosen = [listing, *draw(st.lists(st.sampled_from(others), max_size=1))]
    found = []
    for each in chosen:
        bid = each.price(draw(st.one_of(near, st.sampled_from([-90, -40, 40, 90]))))
        size = draw(st.sampled_from([each.sizes[0], *each.sizes]))
        found.append(market.tick(each.symbol, str(bid), str(bid + each.spread), size=size))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an order: a multiple of its quantity, prices in steps."""

    times: Decimal | None
    limit: int | None
    stop: int | None
    trail: int | None
    client_order_id: str | None

    def request(self, old: Order, instrument: Instrument) -> ReplaceRequest:
        """The request, with what this type of order has."""
        listing = LISTINGS[instrument.symbol]
        has_limit = old.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        has_stop = old.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
        trails = old.order_type == OrderType.TRAILING_STOP
        return ReplaceRequest(
            quantity=self._quantity(old, instrument),
            limit_price=_price(listing, self.limit) if has_limit else None,
            stop_price=_price(listing, self.stop) if has_stop else None,
            trail_amount=listing.step * self.trail if trails and self.trail else None,
            client_order_id=self.client_order_id,
        )

    def _quantity(self, old: Order, instrument: Instrument) -> Decimal | None:
        if self.times is None or old.quantity is None:
            return None
        step = instrument.quantity_increment
        exact = instrument.asset.amount(old.quantity) * self.times
        return max(exact // step, Decimal(1)) * step


def _price(listing: Listing, steps: int | None) -> Decimal | None:
    return None if steps is None else listing.price(steps)


class Focus(Protocol):
    """The instrument that a run is mostly about, and the one that it is sometimes about."""

    main: Listing
    aside: Listing


def in_play(requests: Callable[[Listing], st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Mostly about the instrument that this run is about, so that orders trade."""

    def of(machine: Focus) -> st.SearchStrategy[T]:
        return mostly.flatmap(lambda main: requests(machine.main if main else machine.aside))

    return st.runner().flatmap(of)


Wishes = list[tuple[int, OrderRequest]]


def wishes(
    *kinds: Callable[[Listing], st.SearchStrategy[OrderRequest]],
) -> st.SearchStrategy[Wishes]:
    """A few customers with an order each, one after the other."""
    each = st.one_of([in_play(kind) for kind in kinds])
    return st.lists(st.tuples(someone, each), min_size=1, max_size=4)


changes = st.builds(
    Change,
    times=st.none() | st.sampled_from(["0.5", "1", "2", "4"]).map(Decimal),
    limit=st.none() | near,
    stop=st.none() | near,
    trail=st.none() | st.integers(1, 8),
    client_order_id=client_order_ids,
)
