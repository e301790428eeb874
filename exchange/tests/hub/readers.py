"""What the tests of the hub share: a layer that can break, and readers of sockets."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID, uuid4

from channels.db import database_sync_to_async
from django.utils import timezone

from authentication import sessions
from authentication.models import User
from be.embedded.channel_layer import EmbeddedChannelLayer
from exchange.market import quotes
from exchange.models import Quote
from exchange.streaming import publisher
from exchange.streaming.hub import Hub
from exchange.streaming.sockets import Access, Socket
from exchange.tests import market

PATIENCE = 10.0  # only what fails takes so long
Document = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


class Layer(EmbeddedChannelLayer):
    """An embedded layer that can be broken and mended."""

    is_broken = False

    def __init__(self, path: Any) -> None:
        super().__init__(path, poll_interval=0.01)
        self._broke = asyncio.Event()

    def break_down(self) -> None:
        self.is_broken = True
        self._broke.set()

    def mend(self) -> None:
        self.is_broken = False
        self._broke.clear()

    async def group_add(self, group: str, channel: str) -> None:
        if self.is_broken:
            raise ConnectionError("down")
        await super().group_add(group, channel)

    async def receive(self, channel: str) -> Document:
        waiters = [
            asyncio.ensure_future(super().receive(channel)),
            asyncio.ensure_future(self._broke.wait()),
        ]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            if self.is_broken:
                raise ConnectionError("down")
            message: Document = waiters[0].result()  # type: ignore[assignment]
            return message
        finally:
            for waiter in waiters:
                waiter.cancel()


class Reader:
    """The far end of a socket: the frames it was sent, and whether it goes on reading."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.close_code: int | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        if message["type"] == "websocket.close":
            self.close_code = message["code"]
        else:
            self.texts.append(message["text"])

    def frames(self, type_: str) -> list[Document]:
        frames = [json.loads(text) for text in self.texts]
        return [frame for frame in frames if frame["type"] == type_]

    def sequences(self, symbol: str) -> list[int]:
        """Sequences of all quotes of a symbol, in the order of arrival."""
        return [
            quote["sequence"]
            for frame in (json.loads(text) for text in self.texts)
            for quote in frame.get("quotes", [])
            if quote["symbol"] == symbol
        ]


async def database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call what uses the database, off the event loop."""
    result: R = await database_sync_to_async(function)(*args, **kwargs)
    return result


async def listed(**bids: str) -> None:
    def create() -> None:
        for symbol, bid in bids.items():
            market.set_quote(market.make_instrument(symbol), bid, bid)

    await database(create)


async def moved(symbol: str, sequence: int) -> Document:
    """The quote moves on in the database, and nobody is told."""

    def move() -> Document:
        Quote.objects.filter(instrument__symbol=symbol).update(sequence=sequence)
        return quotes.document(quotes.current([symbol])[0])

    return await database(move)


def document(symbol: str, sequence: int) -> Document:
    return {"symbol": symbol, "sequence": sequence}


def new_access() -> Access:
    """Of a new user, for an hour."""
    now = timezone.now()
    user = User.objects.create_user(f"{uuid4()}@example.com")
    tokens = sessions.open_session(user=user, user_agent="", ip_address=None, now=now)
    grant = sessions.authenticate_access(tokens.access_token, now)
    return Access(user.pk, grant.session_id, now + timedelta(hours=1))


async def reader_of(hub: Hub, *symbols: str, orders: bool = False) -> tuple[Reader, Socket, UUID]:
    """A new user's authenticated socket with this subscription."""
    reader, access = Reader(), await database(new_access)
    socket = Socket(reader.send)
    hub.join(socket, access)
    await hub.subscribe(socket, symbols=symbols, channels=["orders"] if orders else [])
    await until(lambda: len(reader.texts) == 1)
    return reader, socket, access.user_id


async def caught_up(hub: Hub) -> None:
    """A new hub reads the database once; what it reads from now on has another reason."""
    await until(lambda: not hub._prices.has_gap)


async def joined(layer: Layer) -> None:
    await until(lambda: any(address.startswith("group:") for address in layer._listeners))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it may be anything
            await asyncio.sleep(0.005)


async def send_round(layer: Layer, sequence: int, *documents: Document) -> None:
    message = {"type": "stream.quotes", "sequence": sequence, "quotes": list(documents)}
    await layer.group_send(publisher.GROUP, message)
