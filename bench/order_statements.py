"""The SQL that an order sends to the database, and its values, recorded from the running code.

One order is placed through the domain and recorded. Every value that belongs to this order alone
(its id, its owner, the time ...) becomes a `Slot`. The rest is the same for all orders of its kind.
So a route in another framework can do the same writes, also after the code has changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from authentication import sessions
from banking.models import LedgerAccount
from bench.scene import QUANTITY, Recording, Rows, Slot, Statement, account_slot
from exchange.models import Execution, OrderType, Quote, Side
from exchange.trading import orders
from exchange.trading.intake.requests import OrderRequest

# Numbers that no other value in the statements equals.
ASK_TAKEN = 1_000_000_007
FIRST_ACCOUNT = 7_000_000_001


def record(*, owner_id: UUID, token: str, symbol: str) -> Recording:
    """Place an order on PostgreSQL and record what is sent. The owner has accounts already."""
    quote = Quote.objects.select_related("instrument").get(instrument__symbol=symbol)
    Quote.objects.filter(pk=quote.pk).update(ask_taken=ASK_TAKEN)
    now = timezone.now()
    with _watched() as asked:
        grant = sessions.authenticate_access(token, now)
    session = _with_slots(
        asked[0], {grant.session_id: "session_id", owner_id: "owner_id", now: "now"}
    )
    with _watched() as sent:
        order = orders.place(
            owner_id=owner_id,
            request=OrderRequest(symbol, Side.BUY, OrderType.MARKET, QUANTITY),
            now=now,
        )
    (fill,) = Execution.objects.filter(order=order)
    slots: dict[Any, str] = {
        owner_id: "owner_id",
        quote.pk: "instrument_id",
        symbol: "symbol",
        now: "now",
        order.pk: "order_id",
        fill.pk: "execution_id",
        fill.trade_id: "trade_id",
        ASK_TAKEN + quote.instrument.asset.units(QUANTITY): "ask_taken",
        **{row.pk: _account(row) for row in LedgerAccount.objects.all() if _belongs(row, owner_id)},
    }
    first, *lookups, accounts, write = [_with_slots(each, slots) for each in sent]
    return Recording(
        session,
        first,
        lookups,
        accounts,
        write,
        [field.column for field in Quote._meta.concrete_fields],
        [field.column for field in LedgerAccount._meta.concrete_fields],
    )


def _account(row: LedgerAccount) -> str:
    return account_slot(house=row.house, is_cash=row.asset == "USD")


def _belongs(row: LedgerAccount, owner_id: UUID) -> bool:
    return row.owner_id in (owner_id, None)


@contextmanager
def _watched() -> Iterator[list[tuple[str, Sequence[Any]]]]:
    seen: list[tuple[str, Sequence[Any]]] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, list(params or [])))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield seen


def _with_slots(seen: tuple[str, Sequence[Any]], slots: Mapping[Any, str]) -> Statement:
    sql, values = seen

    in_json = {msgspec.to_builtins(key): name for key, name in slots.items()}

    def slotted(value: Any) -> Any:
        if isinstance(value, list):
            return [slotted(each) for each in value]
        if isinstance(value, str) and value.startswith("[["):
            return Rows([[in_row(each) for each in row] for row in msgspec.json.decode(value)])
        if isinstance(value, int | str | UUID | datetime) and value in slots:
            return Slot(slots[value])
        return value

    def in_row(value: Any) -> Any:
        return Slot(in_json[value]) if isinstance(value, int | str) and value in in_json else value

    return Statement(sql, [slotted(value) for value in values])
