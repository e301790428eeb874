"""Which WebSocket path is served by what."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from exchange.streaming.consumers import market_data


async def not_found(scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake; servers make a 403 of that."""
    await receive()  # websocket.connect
    await send({"type": "websocket.close"})


application = URLRouter(
    [
        # With its last slash or without: a refused handshake is a 403, which tells nobody why.
        re_path(r"^ws/market-data/?$", market_data),  # type: ignore[arg-type]  # URLRouter takes ASGI
        re_path("", not_found),  # type: ignore[arg-type]
    ]
)
