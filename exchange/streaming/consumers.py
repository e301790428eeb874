"""The consumer of the WebSocket: who may come in, and which message goes to which hub call."""

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Any

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from authentication import websocket
from be.api.formats import time_text
from be.api.refusals import Refusal
from exchange.streaming import hub, origins, protocol
from exchange.streaming.protocol import Auth, Ping, SocketRefusal, Subscribe, Unsubscribe
from exchange.streaming.sockets import Access, Socket

logger = logging.getLogger(__name__)

# Long enough for the server to write the last frames, once its loop goes round again.
SECONDS_TO_SAY_GOODBYE = 0.1


class MarketDataConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no type hints
    """One client. It has no channel of its own: the hub receives for all."""

    channel_layer_alias = "none"

    socket: Socket | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:  # the server stops
            if self.socket is not None:
                await self.socket.close_now(protocol.GOING_AWAY)
                await asyncio.sleep(SECONDS_TO_SAY_GOODBYE)
            raise
        finally:
            self._forget()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message, without the trip to the database thread that Channels makes for each.

        There is no connection to clean up: what reads the database here cleans up after itself.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        if not origins.are_allowed(
            self.scope["headers"],
            allowed_hosts=settings.ALLOWED_HOSTS,
            allowed_origins=settings.CORS_ALLOWED_ORIGINS,
        ):
            await self.close()  # before it is accepted: an answer with 403
            return
        await self.accept()
        self.socket = Socket(self.base_send)
        self._times: deque[float] = deque(maxlen=protocol.MAX_MESSAGES)
        self._bad_messages = 0
        self._timeout = asyncio.get_running_loop().call_later(
            settings.WEBSOCKET_AUTH_TIMEOUT_SECONDS, self._refuse_silence
        )

    async def disconnect(self, code: int) -> None:
        self._forget()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        socket = self.socket
        if socket is None or socket.is_closing:
            return
        try:
            await self._answer(socket, text_data, bytes_data)
        except SocketRefusal as refusal:
            self._refuse(socket, refusal)
        except DatabaseError:
            logger.exception("A socket's message could not be handled.")
            socket.refuse(protocol.Unavailable("The server cannot answer now; try again."))
            if socket.access is None:
                socket.close(protocol.TRY_AGAIN_LATER)

    async def _answer(self, socket: Socket, text: str | None, data: bytes | None) -> None:
        self._check_limits(text or "", data or b"")
        if socket.access is None:
            await self._authenticate(socket, _read_first(text))
            return
        match _read(text):
            case Auth(token=token):
                await self._authenticate(socket, token)
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

    async def _authenticate(self, socket: Socket, token: str) -> None:
        self._timeout.cancel()
        try:
            grant = await websocket.authenticate(token)
        except Refusal as refusal:
            raise protocol.AuthFailed(refusal.detail) from refusal
        access = Access(grant.user.pk, grant.session_id, grant.expires_at)
        hub.current().join(socket, access)
        socket.put(
            protocol.AuthSuccess(
                user_id=str(access.user_id), expires_at=time_text(access.expires_at)
            )
        )

    def _refuse_silence(self) -> None:
        if self.socket is not None:
            seconds = settings.WEBSOCKET_AUTH_TIMEOUT_SECONDS
            self.socket.refuse(
                protocol.NotAuthenticated(f"No auth message came within {seconds:g} seconds.")
            )

    def _refuse(self, socket: Socket, refusal: SocketRefusal) -> None:
        socket.refuse(refusal)
        if isinstance(refusal, protocol.BadMessage):
            self._bad_messages += 1
            if self._bad_messages >= protocol.MAX_BAD_MESSAGES:
                socket.close(protocol.TOO_MANY_ERRORS)

    def _forget(self) -> None:
        socket, self.socket = self.socket, None
        if socket is not None:
            self._timeout.cancel()
            if socket.access is not None:
                hub.current().leave(socket)
            socket.forget()


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
