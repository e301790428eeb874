"""Which WebSocket path is served by what."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from exchange.streaming.consumers import market_data


async def not_found(scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake; the server answers 403."""
    await receive()  # websocket.connect
    await send({"type": "websocket.close"})


application = URLRouter(
    [
        # With the last slash or without: a refused handshake is a 403 without a reason.
        re_path(r"^ws/market-data/?$", market_data),  # type: ignore[arg-type]  # URLRouter takes ASGI
        re_path("", not_found),  # type: ignore[arg-type]
    ]
)
