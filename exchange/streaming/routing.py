"""Which WebSocket path is served by what."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from exchange.streaming.consumers import MarketDataConsumer


async def not_found(scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake: 404 where the server can say so, 403 where it cannot (Daphne)."""
    await receive()  # websocket.connect
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close"})


application = URLRouter(
    [
        path("ws/market-data/", MarketDataConsumer.as_asgi()),
        re_path("", not_found),  # type: ignore[arg-type]  # URLRouter takes ASGI applications
    ]
)
