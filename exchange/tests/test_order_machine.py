"""Customers, banks, prices and the clock in any order: after each step the books are proved.

A state machine of Hypothesis drives the domain. `HYPOTHESIS_PROFILE=long` looks for much longer,
each time somewhere else (or with `--hypothesis-seed=N`).
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from authentication.models import User
from banking import transactions
from banking.ledger import InsufficientFunds
from banking.models import TransactionStatus
from banking.rules import rails
from banking.rules.assets import USD
from banking.tests.factories import BankAccountFactory
from be.kernel.refusals import NotFound, Refusal
from exchange import engine
from exchange.market import feed
from exchange.market.rules.ticks import Round, Tick
from exchange.models import (
    FeeSchedule,
    Instrument,
    InstrumentStatus,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.tests import invariants, market
from exchange.tests.invariants import State
from exchange.trading import halts, orders, rounds
from exchange.trading.intake.requests import OrderRequest, ReplaceRequest, StopLoss, TakeProfit
from exchange.trading.orders import OrderNotCancelable, OrderNotReplaceable
from exchange.trading.rows import markets
from exchange.trading.rules import fees

PROFILES = {
    "default": settings(max_examples=12, stateful_step_count=30, derandomize=True),
    "long": settings(max_examples=1500, stateful_step_count=60, database=None),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument: prices are on a coarse grid, so that orders often meet."""

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
T = TypeVar("T")

LISTINGS = {listing.symbol: listing for listing in (STOCK, COIN, BOND)}
CLASSES = {STOCK.symbol: "stock", COIN.symbol: "crypto", BOND.symbol: "bond"}

FRESH = timedelta(seconds=30)

near = st.integers(-6, 6)
client_order_ids = st.sampled_from([*[None] * 10, "one", "two"])
mostly = st.sampled_from([True, True, True, True, True, False])
seldom = st.sampled_from([False, False, False, False, False, True])
someone = st.integers(0, 2)
banks = st.sampled_from(["55000001", rails.DELAYED, rails.RETURNED_LATER, rails.REFUSED])
dollars = st.sampled_from([Decimal("0.01"), Decimal("250.50"), Decimal("4000.00")])


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
    """How long an order of this type may wait there."""
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
    """New prices, most of them near, some after a gap."""
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
    """What is to be different about an order: a multiple of its quantity, prices in steps."""

    times: Decimal | None
    limit: int | None
    stop: int | None
    trail: int | None
    client_order_id: str | None

    def request(self, old: Order, instrument: Instrument) -> ReplaceRequest:
        """As far as it goes with this type of order."""
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


def in_play(requests: Callable[[Listing], st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Mostly about the instrument that this run is about, so that orders meet."""

    def of(machine: "Market") -> st.SearchStrategy[T]:
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


class _Heard(logging.Handler):
    """What a round could not do is only logged; here it is a failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


class Market(RuleBasedStateMachine):
    """Three customers and three instruments. Each step has a moment of its own."""

    customers: ClassVar[list[User]]
    accounts: ClassVar[dict[tuple[UUID, str], UUID]]

    def __init__(self) -> None:
        super().__init__()
        self.now = market.NOW
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        self.heard = _Heard()
        rounds.logger.addHandler(self.heard)
        self.state = self.checked = State()
        self.main, self.aside = STOCK, COIN

    @initialize(
        main=st.sampled_from([STOCK, STOCK, COIN, BOND]),
        resting=st.lists(st.tuples(someone, st.sampled_from(Side), st.integers(1, 8)), max_size=8),
    )
    def fill_the_book(self, main: Listing, resting: list[tuple[int, Side, int]]) -> None:
        """Choose what the run is mostly about, and let some orders rest on both sides of it."""
        self.main, self.aside = main, COIN if main is STOCK else STOCK
        for who, side, away in resting:
            request = OrderRequest(
                symbol=main.symbol,
                side=side,
                order_type=OrderType.LIMIT,
                quantity=Decimal(main.quantities[1]),
                limit_price=main.price(-away if side == Side.BUY else away),
                time_in_force=TimeInForce.GTC,
            )
            self._place_all([(who, request)], is_open=False)

    def teardown(self) -> None:
        rounds.logger.removeHandler(self.heard)
        try:
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)

    # What the rules need.

    def _later(self, **time: float) -> datetime:
        self.now += timedelta(**time) if time else timedelta(milliseconds=1)
        return self.now

    def _attempt(self, call: Callable[[], Order | list[Order] | object]) -> Any:
        """The answer, or the refusal, which must have moved nothing."""
        try:
            return call()
        except Refusal as refusal:
            answer = refusal
        moved = self.state.difference(State())
        assert moved == {}, answer
        return answer

    def _chosen(self, number: int, *, ended: bool) -> Order | None:
        """One of the orders that are open (or have ended), the youngest first."""
        found = [each for each in self.state.orders.values() if each.is_open != ended]
        return found[-1 - number % len(found)] if found else None

    def _started(self) -> Order | None:
        """The youngest of those that are filled in part."""
        found = self.state.orders.values()
        started = [each for each in found if each.status == OrderStatus.PARTIALLY_FILLED]
        return started[-1] if started else None

    def _asker(self, order: Order, *, foreign: bool) -> UUID:
        """The order's owner, or somebody else."""
        ids = [customer.pk for customer in self.customers]
        return ids[ids.index(order.owner_id) - foreign]

    def _listed(self, symbol: str) -> UUID:
        return next(key for key, each in self.state.instruments.items() if each.symbol == symbol)

    def _is_halted(self, symbol: str) -> bool:
        return self.state.instruments[self._listed(symbol)].status == InstrumentStatus.HALTED

    # Orders.

    def _open(self, symbol: str) -> None:
        """Let it trade, at the prices that it had, if it does not."""
        halts.set_status(symbol=symbol, status=InstrumentStatus.ACTIVE, now=self._later())
        quote = self.state.quotes[self._listed(symbol)]
        if self.now - quote.timestamp > FRESH:
            bid, ask, size = str(quote.bid), str(quote.ask), LISTINGS[symbol].sizes[0]
            engine.advance(Round(self._later(), (market.tick(symbol, bid, ask, size=size),)))
        self.state = State()

    def _place(self, who: int, request: OrderRequest, is_open: bool) -> None:
        if is_open:
            self._open(request.symbol)
        owner = self.customers[who]
        answer = self._attempt(
            lambda: orders.place(owner_id=owner.pk, request=request, now=self._later())
        )
        if isinstance(answer, Refusal):
            foreign = {Side.BUY: "insufficient_position", Side.SELL: "insufficient_funds"}
            assert answer.code != foreign[request.side], "somebody else's trouble"
            if answer.code == "client_order_id_exists":
                assert any(
                    (each.owner_id, each.client_order_id) == (owner.pk, request.client_order_id)
                    for each in self.state.orders.values()
                )
            return
        rates = FeeSchedule.objects.filter(asset_class=CLASSES[request.symbol]).first()
        expected = rates or fees.default_rates(CLASSES[request.symbol])
        assert answer.maker_fee_bps == expected.maker_bps
        assert answer.taker_fee_bps == expected.taker_bps
        quote = self.state.quotes[self._listed(request.symbol)]
        if self.now - quote.timestamp > FRESH or self._is_halted(request.symbol):
            assert (answer.status, answer.filled_quantity) == (OrderStatus.ACCEPTED, 0)
        else:
            assert answer.status != OrderStatus.ACCEPTED

    def _place_all(self, wishes: Wishes, is_open: bool) -> None:
        for who, request in wishes:
            self._place(who, request, is_open)
            self.state = State()

    @rule(wishes=wishes(simple_requests), is_open=mostly)
    def place(self, wishes: Wishes, is_open: bool) -> None:
        self._place_all(wishes, is_open)

    @rule(wishes=wishes(tied_requests), is_open=mostly)
    def place_tied(self, wishes: Wishes, is_open: bool) -> None:
        self._place_all(wishes, is_open)

    @rule(wishes=wishes(simple_requests, tied_requests))
    def place_both(self, wishes: Wishes) -> None:
        self._place_all(wishes, is_open=True)

    @rule(number=st.integers(0, 12), foreign=seldom, ended=seldom)
    def cancel(self, number: int, foreign: bool, ended: bool) -> None:
        order = self._chosen(number, ended=ended)
        if order is None:
            return
        owner = self._asker(order, foreign=foreign)
        answer = self._attempt(
            lambda: orders.cancel(owner_id=owner, order_id=order.pk, now=self._later())
        )
        if foreign:
            assert isinstance(answer, NotFound)
        elif ended:
            assert isinstance(answer, OrderNotCancelable)
        else:
            assert answer.status == OrderStatus.CANCELED

    @rule(who=someone)
    def cancel_all(self, who: int) -> None:
        owner = self.customers[who].pk
        orders.cancel_all(owner_id=owner, now=self._later())
        assert not [
            each for each in State().orders.values() if each.owner_id == owner and each.is_open
        ]

    def _replace(self, old: Order, change: Change, *, foreign: bool, ended: bool) -> None:
        instrument = self.state.instruments[old.instrument_id]
        owner, request = self._asker(old, foreign=foreign), change.request(old, instrument)
        answer = self._attempt(
            lambda: orders.replace(
                owner_id=owner, order_id=old.pk, request=request, now=self._later()
            )
        )
        if foreign:
            assert isinstance(answer, NotFound)
        elif ended or old.order_type == OrderType.MARKET:
            assert isinstance(answer, OrderNotReplaceable)
        elif not isinstance(answer, Refusal):
            after = State().orders[old.pk]
            assert (after.status, after.replaced_by_id) == (OrderStatus.REPLACED, answer.pk)
            wanted = request.quantity
            whole = old.quantity if wanted is None else instrument.asset.units(wanted)
            assert answer.quantity == (whole or 0) - after.filled_quantity

    @rule(number=st.integers(0, 12), change=changes, foreign=seldom, ended=seldom)
    def replace(self, number: int, change: Change, foreign: bool, ended: bool) -> None:
        old = self._chosen(number, ended=ended)
        if old is not None:
            self._replace(old, change, foreign=foreign, ended=ended)

    @precondition(lambda self: self._started())
    @rule(change=changes)
    def replace_one_that_has_started(self, change: Change) -> None:
        old = self._started()
        if old is not None:
            self._replace(old, change, foreign=False, ended=False)

    @precondition(lambda self: self._started())
    @rule(away=st.integers(5, 9))
    def sell_what_has_come(self, away: int) -> None:
        """Before the order that brings it has ended."""
        order = self._started()
        if order is None or order.side == Side.SELL:
            return
        instrument = self.state.instruments[order.instrument_id]
        request = OrderRequest(
            symbol=instrument.symbol,
            side=Side.SELL,
            order_type=OrderType.LIMIT,
            quantity=instrument.asset.amount(order.filled_quantity),
            limit_price=LISTINGS[instrument.symbol].price(away),
            time_in_force=TimeInForce.GTC,
        )
        who = [customer.pk for customer in self.customers].index(order.owner_id)
        self._place(who, request, is_open=False)

    # Prices and the clock.

    def _advance(self, ticks: tuple[Tick, ...]) -> None:
        engine.advance(Round(self._later(milliseconds=100), ticks))
        state = State()
        for each in ticks:
            if not self._is_halted(each.symbol):
                assert [*invariants.left_behind(state, self._listed(each.symbol))] == []
        assert not [
            order
            for order in state.orders.values()
            if order.is_open and order.expires_at is not None and order.expires_at <= self.now
        ]

    @rule(ticks=in_play(rounds_of))
    def advance(self, ticks: tuple[Tick, ...]) -> None:
        self._advance(ticks)

    @rule(ticks=in_play(rounds_of))
    def advance_further(self, ticks: tuple[Tick, ...]) -> None:
        self._advance(ticks)

    @rule(ticks=in_play(rounds_of))
    def record_and_die(self, ticks: tuple[Tick, ...]) -> None:
        """A simulator that is killed between recording prices and working the orders."""
        orders.expire_due(now=self._later(milliseconds=100))
        recorded = feed.record(Round(self.now, ticks))
        assert recorded is not None
        markets.mark_unworked([quote.pk for quote in recorded.quotes])

    @rule(listing=in_play(st.just))
    def halt_or_resume(self, listing: Listing) -> None:
        halted = self._is_halted(listing.symbol)
        status = InstrumentStatus.ACTIVE if halted else InstrumentStatus.HALTED
        assert halts.set_status(symbol=listing.symbol, status=status, now=self._later())

    @rule(
        until=st.sampled_from(["banks answer", "quotes are old", "almost midnight", "midnight"]),
        expire=st.booleans(),
    )
    def wait(self, until: str, expire: bool) -> None:
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        moment = {
            "banks answer": self.now + timedelta(seconds=6),
            "quotes are old": self.now + timedelta(seconds=31),
            "almost midnight": max(self.now, midnight - timedelta(seconds=1)),
            "midnight": midnight,
        }
        self.now = moment[until]
        if expire:
            orders.expire_due(now=self.now)

    # Money and terms.

    @rule(who=someone, bank=banks, amount=dollars, direction=st.sampled_from(["in", "out"]))
    def transfer(self, who: int, bank: str, amount: Decimal, direction: str) -> None:
        owner = self.customers[who]
        there = self.state.available(owner.pk, USD.code)
        call = transactions.deposit if direction == "in" else transactions.withdraw
        answer = self._attempt(
            lambda: call(
                owner=owner,
                account_id=self.accounts[owner.pk, bank],
                amount=amount,
                now=self._later(),
            )
        )
        too_much = direction == "out" and there < USD.units(amount)
        assert isinstance(answer, InsufficientFunds) == too_much

    @precondition(lambda self: self.state.transfers)
    @rule()
    def call_a_transfer_off(self) -> None:
        latest = self.state.transfers[-1]
        answer = self._attempt(
            lambda: transactions.cancel(
                owner=User.objects.get(pk=latest.owner_id),
                transaction_id=latest.pk,
                now=self._later(),
            )
        )
        assert isinstance(answer, Refusal) == (latest.status != TransactionStatus.PENDING)

    @rule(
        asset_class=st.sampled_from(["stock", "crypto", "bond"]),
        maker=st.integers(0, 40),
        taker=st.integers(0, 60),
    )
    def change_fees(self, asset_class: str, maker: int, taker: int) -> None:
        FeeSchedule.objects.update_or_create(
            asset_class=asset_class, defaults={"maker_bps": maker, "taker_bps": taker}
        )

    @invariant()
    def all_is_right(self) -> None:
        """What has not changed is as right as it was."""
        assert self.heard.records == []
        before, self.state = self.checked, State()
        self.checked = self.state
        if before.difference(self.state):
            assert [*invariants.violations(before, self.state)] == []


def _open_the_market() -> None:
    """Each customer has money; Alice has much of everything to sell, Bob some, Charlie nothing."""
    instruments = {
        STOCK: market.make_instrument(STOCK.symbol),
        COIN: market.make_instrument(COIN.symbol, "crypto"),
        BOND: market.make_bond(BOND.symbol),
    }
    for listing, instrument in instruments.items():
        ask = listing.base + listing.spread
        market.set_quote(instrument, str(listing.base), str(ask), size=listing.sizes[0])
    FeeSchedule.objects.exclude(asset_class="crypto").update(maker_bps=3, taker_bps=7)
    Market.customers = [
        market.make_customer(f"{name}@example.com", "20000") for name in ("alice", "bob", "charlie")
    ]
    for listing, instrument in instruments.items():
        for customer, amount in zip(Market.customers, listing.owned, strict=False):
            market.give(customer, instrument.asset, amount)
    Market.accounts = {}
    for customer in Market.customers:
        for number in ("55000001", rails.DELAYED, rails.RETURNED_LATER, rails.REFUSED):
            linked = BankAccountFactory.create(
                owner=customer, account_number=number, now=market.NOW
            )
            Market.accounts[customer.pk, number] = linked.pk


def test_whatever_happens_the_books_agree_and_orders_keep_their_word(db: None):
    _open_the_market()
    chosen = PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "default")]
    run_state_machine_as_test(
        Market,
        settings=settings(
            chosen, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
        ),
    )
