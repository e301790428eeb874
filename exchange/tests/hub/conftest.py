"""A hub that has joined a channel layer of its own."""

from collections.abc import AsyncIterator

import pytest

from exchange.streaming.hub import Hub
from exchange.tests.hub.readers import Layer, joined


@pytest.fixture
async def layer(tmp_path) -> AsyncIterator[Layer]:
    layer = Layer(tmp_path / "channels.sqlite3")
    yield layer
    await layer.close()


@pytest.fixture
async def hub(layer) -> AsyncIterator[Hub]:
    hub = Hub(layer=layer, heartbeat_seconds=60, stall_seconds=60, check_seconds=0.05)
    hub.start()
    await joined(layer)
    yield hub
    for socket in hub.sockets:
        socket.forget()
    await hub.stop()
