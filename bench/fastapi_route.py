"""The same order in FastAPI with asynchronous psycopg: the least that HTTP and these writes cost.

It verifies the token, reads the session, validates the body, and sends the same SQL as our code, as
recorded by `bench.order_statements`. It computes no prices and checks no rules.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import jwt
from fastapi import FastAPI, Header, HTTPException
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, Field

from be.kernel.identifiers import uuid7
from bench import scene
from bench.scene import Statement, account_slot

Money = Annotated[Decimal, Field(gt=0, max_digits=36, decimal_places=18)]

recording = scene.read(os.environ["BENCH_SCENE"]).recording
INSTRUMENT, ASK, TAKEN = (
    recording.quote_columns.index(name) for name in ("instrument_id", "ask", "ask_taken")
)
ACCOUNT, HOUSE, ASSET = (recording.account_columns.index(name) for name in ("id", "house", "asset"))
UNITS = 10**6
CENT = Decimal("0.01")


class OrderBody(BaseModel):
    symbol: str = Field(max_length=40)
    side: Literal["buy", "sell"]
    order_type: Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
    quantity: Money | None = None
    notional: Money | None = None
    limit_price: Money | None = None
    stop_price: Money | None = None
    time_in_force: Literal["day", "gtc", "ioc", "fok"] | None = None
    client_order_id: str | None = Field(None, max_length=128, pattern=r"^[\x21-\x7e]+$")


class ExecutionAnswer(BaseModel):
    id: UUID
    price: str
    quantity: str
    amount: str
    accrued_interest: str
    fee: str
    liquidity: str
    executed_at: datetime


class OrderAnswer(BaseModel):
    id: UUID
    client_order_id: str | None
    symbol: str
    asset_class: str
    side: str
    order_type: str
    order_class: str
    time_in_force: str
    quantity: str
    notional: str | None
    limit_price: str | None
    stop_price: str | None
    trail_amount: str | None
    trail_percent: str | None
    lots: list[dict[str, str]] | None
    status: str
    filled_quantity: str
    remaining_quantity: str
    average_fill_price: str
    fees: str
    reject_reason: str | None
    replaces: UUID | None
    replaced_by: UUID | None
    parent_id: UUID | None
    created_at: datetime
    updated_at: datetime
    filled_at: datetime
    canceled_at: datetime | None
    expires_at: datetime | None
    executions: list[ExecutionAnswer]
    legs: list[UUID]


pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=1,
    max_size=20,
    open=False,
    kwargs={"autocommit": True, "prepare_threshold": 0, "cursor_factory": AsyncRawCursor},
)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


application = FastAPI(lifespan=_lifespan)


@application.post("/api/exchange/api/v1/orders/", status_code=201)
async def place(body: OrderBody, authorization: Annotated[str, Header()]) -> OrderAnswer:
    now = datetime.now(UTC)
    claims = _claims(authorization)
    async with pool.connection() as connection:
        given: dict[str, Any] = {
            "owner_id": UUID(claims["user_id"]),
            "session_id": UUID(claims["sid"]),
            "now": now,
        }
        if not await _rows(connection, recording.session, given):
            raise HTTPException(401)
        async with connection.transaction():
            return await _buy(connection, body, given)


def _claims(authorization: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            authorization.removeprefix("Bearer "),
            os.environ["SECRET_KEY"],
            algorithms=["HS256"],
            issuer="brokerpro",
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return claims


async def _buy(
    connection: AsyncConnection[Any], body: OrderBody, given: dict[str, Any]
) -> OrderAnswer:
    now, quantity = given["now"], body.quantity or Decimal(0)
    quotes = await _rows(connection, recording.lock_market, {**given, "symbol": body.symbol})
    if not quotes:
        raise HTTPException(400)
    quote = quotes[0]
    given |= {
        "symbol": body.symbol,
        "instrument_id": quote[INSTRUMENT],
        "ask_taken": quote[TAKEN] + int(quantity * UNITS),
        "order_id": uuid7(now),
        "execution_id": uuid7(now),
        "trade_id": uuid7(now),
    }
    for lookup in recording.lookups:
        await _rows(connection, lookup, given)
    for account in await _rows(connection, recording.lock_accounts, given):
        slot = account_slot(house=account[HOUSE], is_cash=account[ASSET] == "USD")
        given[slot] = account[ACCOUNT]
    written = await _rows(connection, recording.write, given)
    if not written[0][0]:
        raise HTTPException(422)
    return _answer(body, quantity, quote[ASK], given)


async def _rows(
    connection: AsyncConnection[Any], statement: Statement, given: dict[str, Any]
) -> Sequence[Any]:
    cursor = await connection.execute(statement.sql, statement.filled(given), prepare=True)
    return await cursor.fetchall()


def _answer(
    body: OrderBody, quantity: Decimal, price: Decimal, given: dict[str, Any]
) -> OrderAnswer:
    now = given["now"]
    fill = ExecutionAnswer(
        id=given["execution_id"],
        price=f"{price:.2f}",
        quantity=f"{quantity.normalize():f}",
        amount=f"{(price * quantity).quantize(CENT):.2f}",
        accrued_interest="0",
        fee="0.00",
        liquidity="taker",
        executed_at=now,
    )
    return OrderAnswer(
        id=given["order_id"],
        client_order_id=body.client_order_id,
        symbol=body.symbol,
        asset_class="stock",
        side=body.side,
        order_type=body.order_type,
        order_class="simple",
        time_in_force=body.time_in_force or "day",
        quantity=fill.quantity,
        notional=None,
        limit_price=None,
        stop_price=None,
        trail_amount=None,
        trail_percent=None,
        lots=None,
        status="filled",
        filled_quantity=fill.quantity,
        remaining_quantity="0",
        average_fill_price=fill.price,
        fees="0.00",
        reject_reason=None,
        replaces=None,
        replaced_by=None,
        parent_id=None,
        created_at=now,
        updated_at=now,
        filled_at=now,
        canceled_at=None,
        expires_at=None,
        executions=[fill],
        legs=[],
    )
