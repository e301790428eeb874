"""A state machine of Hypothesis that drives orders, prices, banks and the clock in any order.

After each step the books are proved (`exchange/tests/invariants/`).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from authentication.models import User
from banking import transactions
from banking.ledger import InsufficientFunds
from banking.models import TransactionStatus
from banking.rules.assets import USD
from be.kernel.refusals import NotFound, Refusal
from exchange import engine
from exchange.market import feed
from exchange.market.rules.ticks import Round, Tick
from exchange.models import (
    FeeSchedule,
    InstrumentStatus,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.tests import invariants, listed_documents, market
from exchange.tests.invariants import State
from exchange.tests.order_machine_world import (
    BOND,
    CLASSES,
    COIN,
    LISTINGS,
    STOCK,
    Change,
    Listing,
    Wishes,
    banks,
    changes,
    dollars,
    in_play,
    mostly,
    rounds_of,
    seldom,
    simple_requests,
    someone,
    tied_requests,
    wishes,
)
from exchange.trading import halts, orders, rounds
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.orders import OrderNotCancelable, OrderNotReplaceable
from exchange.trading.rows import markets
from exchange.trading.rules import fees

FRESH = timedelta(seconds=30)


class _ErrorLog(logging.Handler):
    """Collects what a round only logs when an order's work fails; here that is a failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


class OrderMachine(RuleBasedStateMachine):
    """Three customers and three instruments. Each step has a time of its own."""

    customers: ClassVar[list[User]]
    accounts: ClassVar[dict[tuple[UUID, str], UUID]]

    def __init__(self) -> None:
        super().__init__()
        self.now = market.NOW
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        self.errors = _ErrorLog()
        rounds.logger.addHandler(self.errors)
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
        rounds.logger.removeHandler(self.errors)
        try:
            for customer in self.customers:
                assert list(listed_documents.differences(customer.pk)) == []
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)

    # What the rules need.

    def _later(self, **time: float) -> datetime:
        self.now += timedelta(**time) if time else timedelta(milliseconds=1)
        return self.now

    def _attempt(self, call: Callable[[], Order | list[Order] | object]) -> Any:
        """The result of the call, or its refusal; after a refusal nothing may have changed."""
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
        """The youngest partially filled order."""
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
        """Resume trading, if it is halted, with a fresh quote at the old prices."""
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
        """Sell what a partially filled order has bought so far."""
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
        """Check the books, unless nothing has changed since the last check."""
        assert self.errors.records == []
        before, self.state = self.checked, State()
        self.checked = self.state
        if before.difference(self.state):
            assert [*invariants.violations(before, self.state)] == []
