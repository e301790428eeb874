"""The blotter: all that one transaction does to orders, collected, then written at once.

Orders are opened in it with what a fill changes: accounts, hold, what was paid so far. The rules
(`execution`, `brackets`) change them in memory, under locks; `write` sends every row in one trip to
the database and has the owners told after the commit.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from banking import ledger
from banking.ledger import Accounts, Journal
from banking.models import Hold, HouseAccount, LedgerAccount
from banking.rules.assets import USD, Asset
from be.database import statements
from exchange.models import Execution, Liquidity, Order, OrderClass, OrderStatus, Quote, Side
from exchange.trading.reports import updates
from exchange.trading.rows import markets, order_rows
from exchange.trading.rows.working_order import WorkingOrder
from exchange.trading.rules import amounts

HOUSE = (HouseAccount.MARKET, HouseAccount.FEES, HouseAccount.ROUNDING)


class Blotter:
    """One transaction's orders, executions and entries. `now` stamps all of them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.journal = Journal(now)
        self.working_orders: dict[UUID, WorkingOrder] = {}
        self.accounts: Accounts = {}
        self._touched: dict[UUID, WorkingOrder] = {}
        self._quotes: dict[UUID, Quote] = {}

    def open(self, orders: Sequence[Order], *, arriving: Sequence[Order] = ()) -> None:
        """Load what these orders need. `orders` are locked rows, `arriving` ones are new.

        The accounts are locked here, in the order of their ids.
        """
        related = _lock_related(orders)
        everyone = [*orders, *related, *arriving]
        self._lock_accounts(everyone)
        old = [*orders, *related]
        holds = _live_holds(old)
        fills = _fills_of(old)
        for order in everyone:
            self.working_orders[order.pk] = self._working(
                order, holds.get(order.pair_id or order.pk), fills.get(order.pk, [])
            )
        for order in arriving:
            self.working_orders[order.pk].is_new = True
        # Apart, so that an order and the one that takes its place are no pair.
        self._link(old)
        self._link(arriving)

    def _lock_accounts(self, orders: Sequence[Order]) -> None:
        assets = {USD.code: USD} | {
            order.instrument.symbol: order.instrument.asset for order in orders
        }
        owners = {order.owner_id for order in orders}
        self.accounts |= ledger.lock(owners, assets.values(), roles=HOUSE)

    def _working(self, order: Order, hold: Hold | None, fills: list[Execution]) -> WorkingOrder:
        cash = self.accounts[order.owner_id, USD.code]
        position = self.accounts[order.owner_id, order.instrument.symbol]
        if hold is not None:
            hold.account = cash if order.side == Side.BUY else position
        return WorkingOrder(order, cash, position, hold, _totals(order, fills), fills)

    def _link(self, orders: Iterable[Order]) -> None:
        """Tie exits to each other and legs to their entries."""
        pairs: dict[UUID, WorkingOrder] = {}
        for order in orders:
            working = self.working_orders[order.pk]
            if order.pair_id is not None:
                other = pairs.setdefault(order.pair_id, working)
                if other is not working:
                    working.partner, other.partner = other, working
            if order.status == OrderStatus.HELD and order.parent_id in self.working_orders:
                self.working_orders[order.parent_id].legs.append(working)

    def house(self, role: HouseAccount, asset: Asset) -> LedgerAccount:
        return self.accounts[role, asset.code]

    def touch(self, working: WorkingOrder) -> None:
        """The order has changed (or is new): it is written, and its owner told."""
        working.order.updated_at = self.now
        self._touched[working.order.pk] = working

    def keep_quote(self, quote: Quote) -> None:
        """What was taken from the quote, or that it has been worked, is written."""
        self._quotes[quote.pk] = quote

    @property
    def changed(self) -> list[WorkingOrder]:
        """The orders that have changed, in the order in which they did first."""
        return list(self._touched.values())

    def write(self) -> int:
        """Write everything in one trip; returns how many orders have changed.

        Refuses, for the transaction to be rolled back, when money or securities are missing.
        """
        changed = self.changed
        events_by_order = [(each.order.owner_id, updates.events_of(each)) for each in changed]
        counts: dict[UUID, int] = defaultdict(int)
        for owner_id, events in events_by_order:
            if events:
                counts[owner_id] += len(events)
        entries = self.journal.parts()
        answers = statements.run(
            *entries,
            *self._parts(changed),
            (order_rows.COUNT_UPDATES, [(owner, counts[owner]) for owner in sorted(counts)]),
        )
        self.journal.check(answers[: len(entries)])
        updates.send(events_by_order, answers[-1])
        return len(changed)

    def _parts(
        self, changed: Sequence[WorkingOrder]
    ) -> list[tuple[statements.Statement, list[statements.Row]]]:
        new = [working.order for working in changed if working.is_new]
        old = [working.order for working in changed if not working.is_new]
        quotes = self._quotes.values()
        fills = [fill for working in changed for fill in working.new_fills]
        return [
            (order_rows.INSERT_ORDERS, [order_rows.new_order(order) for order in new]),
            (order_rows.CHANGE_ORDERS, [order_rows.changed_order(order) for order in old]),
            (order_rows.INSERT_EXECUTIONS, [order_rows.new_execution(fill) for fill in fills]),
            (markets.CHANGE_QUOTES, [markets.changed_quote(quote) for quote in quotes]),
        ]


def _lock_related(orders: Sequence[Order]) -> list[Order]:
    """The other orders of brackets and pairs, locked: their quote is locked already."""
    tied = [order for order in orders if order.order_class != OrderClass.SIMPLE]
    if not tied:
        return []
    return order_rows.lock_related(
        tied,
        pairs={order.pair_id for order in tied if order.pair_id is not None},
        parents={order.pk for order in tied if order.parent_id is None},
        without={order.pk for order in orders},
    )


def _live_holds(orders: Sequence[Order]) -> dict[UUID, Hold]:
    references = {order.pair_id or order.pk for order in orders}
    if not references:
        return {}
    return {hold.reference: hold for hold in order_rows.live_holds(references)}


def _fills_of(orders: Sequence[Order]) -> dict[UUID, list[Execution]]:
    fills: dict[UUID, list[Execution]] = {}
    started = [order.pk for order in orders if order.filled_quantity]
    if started:
        for fill in Execution.objects.filter(order__in=started).order_by("pk"):
            fills.setdefault(fill.order_id, []).append(fill)
    return fills


def _totals(order: Order, fills: Sequence[Execution]) -> amounts.Totals:
    totals = amounts.Totals()
    for fill in fills:
        price = fill.price + fill.accrued_interest
        value = amounts.exact_value(
            order.instrument.asset, fill.quantity, price, order.instrument.price_divisor
        )
        maker = fill.liquidity == Liquidity.MAKER
        totals = totals.plus(value, order.maker_fee_bps if maker else order.taker_fee_bps)
    return totals
