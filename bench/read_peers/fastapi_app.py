"""FastAPI with asynchronous psycopg: token and session checked, the same rows and fields."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

pool = AsyncConnectionPool[AsyncConnection[dict[str, Any]]](
    os.environ["DATABASE_URL"],
    min_size=1,
    max_size=20,
    open=False,
    kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
)

SESSION = (
    "SELECT u.id FROM authentication_session s JOIN authentication_user u ON u.id = s.user_id "
    "WHERE s.id = %s AND s.ended_at IS NULL AND s.expires_at > %s AND u.is_active"
)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with pool:
        yield


async def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    """All rows of a statement, which psycopg prepares."""
    async with pool.connection() as connection:
        return await (await connection.execute(sql.encode(), values)).fetchall()


async def user_id(authorization: Annotated[str, Header()]) -> UUID:
    """The user of a valid token whose session is live, as in our own requests."""
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            os.environ["SECRET_KEY"],
            algorithms=["HS256"],
            issuer="brokerpro",
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    found = await rows(SESSION, UUID(claims["sid"]), datetime.now(UTC))
    if not found:
        raise HTTPException(401)
    key: UUID = found[0]["id"]
    return key


CurrentUser = Annotated[UUID, Depends(user_id)]

application = FastAPI(lifespan=_lifespan)
