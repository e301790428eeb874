"""Sockets come, stall, outlive failures and go."""

from typing import Any

import pytest
from django.db import OperationalError

from authentication.models import User
from exchange.streaming import publisher, snapshots
from exchange.streaming.hub import Hub
from exchange.streaming.rules import protocol
from exchange.tests.hub.readers import database, document, listed, reader_of, send_round, until

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_reader_that_stalls_for_too_long_is_closed_with_4408(layer):
    await listed(AAPL="1")
    hub = Hub(layer=layer, heartbeat_seconds=60, stall_seconds=0.1, check_seconds=0.02)
    hub.start()
    try:
        stalled, socket, _ = await reader_of(hub, "AAPL")
        _, quick, _ = await reader_of(hub, "AAPL")
        stalled.reads.clear()
        socket.put(protocol.Pong(id=1))
        await until(lambda: socket.is_closing)
        stalled.reads.set()
        await until(lambda: stalled.close_code == 4408)
        assert not quick.is_closing
        quick.forget()
    finally:
        await hub.stop()


async def test_a_message_that_cannot_be_read_stops_nothing(hub, layer):
    await listed(AAPL="1")
    reader, _, user_id = await reader_of(hub, "AAPL", orders=True)
    for message in (
        {"type": "stream.quotes"},
        {"type": "stream.orders", "owner": "nobody", "updates": []},
        {"type": "stream.orders", "owner": str(user_id), "updates": [{"sequence": "x"}]},
        {"type": "stream.alert", "alert": {}},
        {"type": "stream.of_the_future"},
        {},
    ):
        await layer.group_send(publisher.GROUP, message)
    await send_round(layer, 1, document("AAPL", 2))
    await until(lambda: reader.sequences("AAPL") == [1, 2])
    assert len(reader.texts) == 2


async def test_sockets_outlive_a_database_that_is_gone_for_a_while(hub, layer, monkeypatch):
    await listed(AAPL="1")
    reader, socket, _ = await reader_of(hub, "AAPL")
    failures = 0

    async def fail(**_: Any) -> Any:
        nonlocal failures
        failures += 1
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "state", fail)
        await until(lambda: failures >= 3)
        await send_round(layer, 1, document("AAPL", 2))
        await until(lambda: reader.sequences("AAPL") == [1, 2])
    assert not socket.is_closing


async def test_deactivating_a_user_closes_the_sockets(hub):
    reader, socket, user_id = await reader_of(hub)
    other, _, _ = await reader_of(hub)
    await database(lambda: User.objects.filter(pk=user_id).update(is_active=False))
    await until(lambda: reader.close_code == 4401)
    assert reader.frames("error")[-1]["code"] == "session_ended"
    assert other.close_code is None
    hub.leave(socket)
    assert len(hub.sockets) == 1


async def test_when_the_last_socket_leaves_nothing_of_it_is_left(hub, layer):
    await listed(AAPL="1")
    _, socket, _ = await reader_of(hub, "AAPL", orders=True)
    hub.leave(socket)
    hub.leave(socket)
    assert hub.sockets == []
    assert not hub._prices.audiences
    socket.forget()
