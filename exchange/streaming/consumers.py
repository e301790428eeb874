"""The ASGI application of the WebSocket: authentication, limits, and the hub call for each message.

It is no consumer of Channels: those make a task for each message, and close old database
connections in a thread before it.
"""

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from authentication import websocket
from be.kernel.formats import time_text
from be.kernel.refusals import Refusal
from exchange.streaming import hub, origins, transport
from exchange.streaming.rules import protocol
from exchange.streaming.rules.protocol import Auth, Ping, SocketRefusal, Subscribe, Unsubscribe
from exchange.streaming.sockets import Access, Socket

logger = logging.getLogger(__name__)

# Long enough for the server to write the closing frame.
SECONDS_TO_CLOSE = 0.1


async def market_data(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of `/ws/market-data/`."""
    await receive()  # websocket.connect
    if not origins.are_allowed(
        scope["headers"],
        allowed_hosts=settings.ALLOWED_HOSTS,
        allowed_origins=settings.CORS_ALLOWED_ORIGINS,
        allowed_patterns=settings.CORS_ALLOWED_ORIGIN_REGEXES,
    ):
        await send({"type": "websocket.close"})  # before it is accepted: the answer is a 403
        return
    transport.prepare(send)
    await send({"type": "websocket.accept"})
    address = next(iter(scope.get("client") or ("",)))
    await _Conversation(Socket(send), address).hold(receive)


class _Conversation:
    """The messages of one accepted client, until one side closes."""

    __slots__ = ("_address", "_bad_messages", "_socket", "_timeout", "_times")

    def __init__(self, socket: Socket, address: str) -> None:
        self._socket = socket
        self._address = address
        self._times: deque[float] = deque(maxlen=protocol.MAX_MESSAGES)
        self._bad_messages = 0
        self._timeout = asyncio.get_running_loop().call_later(
            settings.WEBSOCKET_AUTH_TIMEOUT_SECONDS, self._refuse_silence
        )

    async def hold(self, receive: Any) -> None:
        """Answer messages until the client is gone."""
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if not self._socket.is_closing:
                    await self._answer(message.get("text"), message.get("bytes"))
        except asyncio.CancelledError:  # the server stops
            self._socket.close(protocol.GOING_AWAY)
            await asyncio.sleep(SECONDS_TO_CLOSE)
            raise
        finally:
            self._timeout.cancel()
            if self._socket.access is not None:
                hub.current().leave(self._socket)
            self._socket.forget()

    async def _answer(self, text: str | None, data: bytes | None) -> None:
        socket = self._socket
        try:
            self._check_limits(text or "", data or b"")
            if socket.access is None:
                await self._authenticate(_read_first(text))
            else:
                await self._carry_out(_read(text))
        except SocketRefusal as refusal:
            self._refuse(refusal)
        except DatabaseError:
            logger.exception("A socket's message could not be handled.")
            socket.refuse(protocol.Unavailable("The server cannot answer now; try again."))
            if socket.access is None:
                socket.close(protocol.TRY_AGAIN_LATER)

    async def _carry_out(self, message: protocol.ClientMessage) -> None:
        socket = self._socket
        match message:
            case Auth(token=token):
                await self._authenticate(token)
            case Subscribe(symbols=symbols, channels=channels):
                await hub.current().subscribe(socket, symbols=symbols, channels=channels)
            case Unsubscribe(symbols=symbols, channels=channels):
                hub.current().unsubscribe(socket, symbols=symbols, channels=channels)
            case Ping(id=ping_id):
                socket.put(protocol.Pong(id=ping_id))

    def _check_limits(self, text: str, data: bytes) -> None:
        now = monotonic()
        is_full = len(self._times) == protocol.MAX_MESSAGES
        if is_full and now - self._times[0] < protocol.MESSAGE_WINDOW_SECONDS:
            raise protocol.RateLimited(
                f"Send at most {protocol.MAX_MESSAGES} messages in any "
                f"{protocol.MESSAGE_WINDOW_SECONDS:g} seconds."
            )
        self._times.append(now)
        if max(len(text.encode()), len(data)) > protocol.MAX_MESSAGE_BYTES:
            raise protocol.MessageTooLarge(
                f"A message may have {protocol.MAX_MESSAGE_BYTES} bytes; send several."
            )

    async def _authenticate(self, token: str) -> None:
        self._timeout.cancel()
        try:
            grant = await websocket.authenticate(token, address=self._address)
        except Refusal as refusal:
            raise protocol.AuthFailed(refusal.detail) from refusal
        access = Access(grant.user.pk, grant.session_id, grant.expires_at, grant.api_key_id)
        if self._socket.is_closing:
            return  # the server stops, or the client's other messages were too many
        hub.current().join(self._socket, access)
        self._socket.put(
            protocol.AuthSuccess(
                user_id=str(access.user_id),
                expires_at=None if access.expires_at is None else time_text(access.expires_at),
            )
        )

    def _refuse_silence(self) -> None:
        seconds = settings.WEBSOCKET_AUTH_TIMEOUT_SECONDS
        self._socket.refuse(
            protocol.NotAuthenticated(f"No auth message came within {seconds:g} seconds.")
        )

    def _refuse(self, refusal: SocketRefusal) -> None:
        self._socket.refuse(refusal)
        if isinstance(refusal, protocol.BadMessage):
            self._bad_messages += 1
            if self._bad_messages >= protocol.MAX_BAD_MESSAGES:
                self._socket.close(protocol.TOO_MANY_ERRORS)


def _read(text: str | None) -> protocol.ClientMessage:
    if text is None:
        raise protocol.NotText("Messages are text frames; this one was binary.")
    return protocol.decode(text)


def _read_first(text: str | None) -> str:
    """The token of an auth message, which has to come first. Raises NotAuthenticated."""
    try:
        message = _read(text)
    except protocol.BadMessage as refusal:
        raise protocol.NotAuthenticated(
            f"The first message must be auth with a token. {refusal.detail}"
        ) from refusal
    if not isinstance(message, Auth):
        raise protocol.NotAuthenticated("The first message must be auth with a token.")
    return message.token
