"""A client of the WebSocket for tests, and the customers who use it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from be.tests.times import assert_one_form
from exchange.tests.server import LiveServer

SCENES = "exchange.tests.scenes"
UNASKED = ("heartbeat", "market_alert")
PATIENCE = 10.0  # only what fails takes so long


class Client:
    """A socket that speaks JSON. Heartbeats and alerts are skipped unless asked for.

    The times of every frame have the one form.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def text(self, type_: str | None = None) -> str:
        """The next frame, as it came; of this type, if one is given."""
        async with asyncio.timeout(PATIENCE):
            while True:
                text = await self.connection.recv()
                assert isinstance(text, str)
                frame = json.loads(text)
                assert_one_form(frame)
                received = frame["type"]
                if received == type_ or (type_ is None and received not in UNASKED):
                    return text

    async def next(self, type_: str | None = None) -> Any:
        return json.loads(await self.text(type_))

    async def ask(self, **message: Any) -> Any:
        """Send, and return the next frame."""
        await self.send(**message)
        return await self.next()

    async def rest(self) -> list[Any]:
        """All frames that came before the answer to a ping."""
        await self.send(type="ping", id="end of the rest")
        frames = []
        while (frame := await self.next()) != {"type": "pong", "id": "end of the rest"}:
            frames.append(frame)
        return frames

    async def close_code(self) -> int | None:
        """Wait for the server to close; frames before that are skipped."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code


@asynccontextmanager
async def opened(
    server: LiveServer, origin: Any = None, *, address: str = ""
) -> AsyncIterator[Client]:
    async with connect(address or server.ws_url, origin=origin, max_size=None) as connection:
        yield Client(connection)


@asynccontextmanager
async def signed_in(
    server: LiveServer, email: str = "alice@example.com", **fields: Any
) -> AsyncIterator[Client]:
    """An authenticated socket of this user."""
    token = sign_in(server, email, **fields)["token"]
    async with opened(server) as client:
        assert (await client.ask(type="auth", token=token))["type"] == "auth_success"
        yield client


def sign_in(server: LiveServer, email: str = "alice@example.com", **fields: Any) -> dict[str, str]:
    answer: dict[str, str] = server.call(f"{SCENES}:sign_in", email=email, **fields)
    return answer
