"""Every row that trading changes, read from the database at one moment."""

from collections import defaultdict
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from django.db.models import Model

from banking.models import BankTransaction, Hold, LedgerAccount
from be.database import statements
from be.database.rows import Reader
from be.database.statements import Row
from exchange.models import Execution, Instrument, Order, OrderFeed, Quote

M = TypeVar("M", bound=Model)

WATCHED: tuple[type[Model], ...] = (
    Instrument,
    Quote,
    Order,
    Execution,
    Hold,
    LedgerAccount,
    OrderFeed,
    BankTransaction,
)
READERS = {model: Reader(model) for model in WATCHED}


class State:
    """Every row that trading changes, as it is now."""

    def __init__(self) -> None:
        self.rows = {model: _read(model) for model in WATCHED}
        # Journal rows never change, so their number is enough to know whether there are new ones.
        self.journal = statements.query(
            "SELECT (SELECT count(*) FROM banking_journalentry), "
            "(SELECT count(*) FROM banking_posting)",
            (),
        )

    def difference(self, other: "State") -> dict[str, object]:
        """What has changed, by the name of the model: the rows that only one of the two has."""
        changed: dict[str, object] = {
            model.__name__: {*self.rows[model]} ^ {*other.rows[model]}
            for model in WATCHED
            if self.rows[model] != other.rows[model]
        }
        if self.journal != other.journal:
            changed["journal"] = (self.journal, other.journal)
        return changed

    def _all(self, model: type[M]) -> list[M]:
        make = READERS[model].make
        return [make(row) for row in self.rows[model]]  # type: ignore[misc]

    @cached_property
    def instruments(self) -> dict[UUID, Instrument]:
        return {each.pk: each for each in self._all(Instrument)}

    @cached_property
    def orders(self) -> dict[UUID, Order]:
        """By id, and so ordered by time."""
        return {order.pk: order for order in self._all(Order)}

    @cached_property
    def fills(self) -> dict[UUID, list[Execution]]:
        found: dict[UUID, list[Execution]] = defaultdict(list)
        for fill in self._all(Execution):
            found[fill.order_id].append(fill)
        return found

    @cached_property
    def trades(self) -> dict[UUID, list[Execution]]:
        found: dict[UUID, list[Execution]] = defaultdict(list)
        for fill in self._all(Execution):
            found[fill.trade_id].append(fill)
        return found

    @cached_property
    def live_holds(self) -> dict[UUID, list[Hold]]:
        """By reference: the order, pair or transfer that they are for."""
        found: dict[UUID, list[Hold]] = defaultdict(list)
        for hold in self._all(Hold):
            if hold.ended_at is None:
                found[hold.reference].append(hold)
        return found

    @cached_property
    def ended_holds(self) -> list[Hold]:
        return [hold for hold in self._all(Hold) if hold.ended_at is not None]

    @cached_property
    def accounts(self) -> list[LedgerAccount]:
        return self._all(LedgerAccount)

    @cached_property
    def quotes(self) -> dict[UUID, Quote]:
        return {quote.pk: quote for quote in self._all(Quote)}

    @cached_property
    def transfers(self) -> list[BankTransaction]:
        return self._all(BankTransaction)

    @cached_property
    def sequences(self) -> dict[UUID, int]:
        return {feed.pk: feed.sequence for feed in self._all(OrderFeed)}

    def cash(self, owner_id: UUID) -> int:
        """Cents, held or not, less what is owed."""
        return sum(
            account.available + account.held - account.debt
            for account in self.accounts
            if account.owner_id == owner_id and account.asset == "USD"
        )

    def available(self, owner_id: UUID, asset: str) -> int:
        return sum(
            account.available
            for account in self.accounts
            if account.owner_id == owner_id and account.asset == asset
        )


def _read(model: type[Model]) -> list[Row]:
    columns, meta = READERS[model].columns("every"), model._meta
    key = meta.pk.column if meta.pk is not None else "id"
    sql = f"SELECT {columns} FROM {meta.db_table} every ORDER BY every.{key}"  # noqa: S608
    return statements.query(sql, ())


def name_of(order: Order) -> str:
    return f"order {order.pk} ({order.side} {order.order_class} {order.order_type} {order.status})"
