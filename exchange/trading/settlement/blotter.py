"""The blotter: everything that one transaction does to orders, collected, then written at once.

Orders are loaded into it with what a fill changes: accounts, hold, earlier fills. `execution` and
`lifecycle` change them in memory, under locks. `write` sends every row in one trip to the database,
and after the commit the owners get their order updates.
"""

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
    """One transaction's orders, executions and journal entries, all with the time `now`."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.journal = Journal(now)
        self.working_orders: dict[UUID, WorkingOrder] = {}
        self.accounts: Accounts = {}
        self._changed: dict[UUID, WorkingOrder] = {}
        self._quotes: dict[UUID, Quote] = {}

    def load(self, orders: Sequence[Order], *, incoming: Sequence[Order] = ()) -> None:
        """Add these orders to `working_orders`, with all that a fill of them changes.

        `orders` are locked rows, `incoming` ones are new. The orders that are tied to them by a
        bracket or a pair come along, locked. The accounts are locked in the order of their ids.
        """
        saved = [*orders, *_lock_related(orders)]
        self._lock_accounts([*saved, *incoming])
        holds = _live_holds(saved)
        fills = _fills_of(saved)
        for order in saved:
            hold = holds.get(order.pair_id or order.pk)
            self._add(order, hold, fills.get(order.pk, []))
        for order in incoming:
            self._add(order, holds.get(order.pair_id or order.pk), [], is_new=True)
        # Separately, so that an order and its replacement do not become a pair.
        self._link(saved)
        self._link(incoming)

    def _lock_accounts(self, orders: Sequence[Order]) -> None:
        assets = {USD.code: USD} | {
            order.instrument.symbol: order.instrument.asset for order in orders
        }
        owners = {order.owner_id for order in orders}
        self.accounts |= ledger.lock(owners, assets.values(), roles=HOUSE)

    def _add(
        self, order: Order, hold: Hold | None, fills: list[Execution], *, is_new: bool = False
    ) -> None:
        cash = self.accounts[order.owner_id, USD.code]
        position = self.accounts[order.owner_id, order.instrument.symbol]
        if hold is not None:
            hold.account = cash if order.side == Side.BUY else position
        self.working_orders[order.pk] = WorkingOrder(
            order, cash, position, hold, _totals(order, fills), fills, is_new
        )

    def _link(self, orders: Iterable[Order]) -> None:
        """Connect the two exits of a pair, and legs with their entries."""
        pairs: dict[UUID, WorkingOrder] = {}
        for order in orders:
            working_order = self.working_orders[order.pk]
            if order.pair_id is not None:
                other = pairs.setdefault(order.pair_id, working_order)
                if other is not working_order:
                    working_order.partner, other.partner = other, working_order
            if order.status == OrderStatus.HELD and order.parent_id in self.working_orders:
                self.working_orders[order.parent_id].legs.append(working_order)

    def house(self, role: HouseAccount, asset: Asset) -> LedgerAccount:
        return self.accounts[role, asset.code]

    def mark_changed(self, working_order: WorkingOrder) -> None:
        """Have a changed or new order written, and an update of it sent to its owner."""
        working_order.order.updated_at = self.now
        self._changed[working_order.order.pk] = working_order

    def mark_quote_changed(self, quote: Quote) -> None:
        """Have what customers took of the quote's sizes written."""
        self._quotes[quote.pk] = quote

    def write(self) -> int:
        """Write everything in one trip; returns how many orders have changed.

        Orders are written, and their updates numbered, in the order of their first change. Refuses,
        so that the transaction is rolled back, when money or securities are missing.
        """
        changed = list(self._changed.values())
        by_owner = updates.by_owner(changed)
        entries = self.journal.parts()
        answers = statements.run(
            *entries,
            *self._parts(changed),
            (order_rows.COUNT_UPDATES, updates.counts(by_owner)),
        )
        self.journal.check(answers[: len(entries)])
        updates.send_on_commit(by_owner, answers[-1])
        return len(changed)

    def _parts(
        self, changed: Sequence[WorkingOrder]
    ) -> list[tuple[statements.Statement, list[statements.Row]]]:
        new = [each.order for each in changed if each.is_new]
        old = [each.order for each in changed if not each.is_new]
        quotes = self._quotes.values()
        fills = [fill for each in changed for fill in each.new_fills]
        return [
            (order_rows.INSERT_ORDERS, [order_rows.new_order(order) for order in new]),
            (order_rows.CHANGE_ORDERS, [order_rows.changed_order(order) for order in old]),
            (order_rows.INSERT_EXECUTIONS, [order_rows.new_execution(fill) for fill in fills]),
            (markets.CHANGE_QUOTES, [markets.changed_quote(quote) for quote in quotes]),
        ]


def _lock_related(orders: Sequence[Order]) -> list[Order]:
    """The other orders of brackets and pairs, locked; the caller has locked their quote."""
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
