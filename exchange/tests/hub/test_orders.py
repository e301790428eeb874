"""Order updates: numbered in the database, published over a bus that loses and swaps them."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from exchange.models import OrderFeed
from exchange.streaming import publisher, snapshots
from exchange.streaming.rules import outbox, resequencer
from exchange.streaming.sockets import Socket
from exchange.tests.hub.readers import Document, Layer, Reader, database, reader_of, until

pytestmark = pytest.mark.django_db(transaction=True)


def update(sequence: int) -> Document:
    return {"sequence": sequence, "event": "new", "order": {}, "execution": None}


async def tell(layer: Layer, owner: UUID, *sequences: int) -> None:
    updates = [update(sequence) for sequence in sequences]
    message = {"type": "stream.orders", "owner": str(owner), "updates": updates}
    await layer.group_send(publisher.GROUP, message)


async def count(owner: UUID, sequence: int) -> None:
    """So many updates have been numbered for this user."""
    await database(
        lambda: OrderFeed.objects.update_or_create(owner_id=owner, defaults={"sequence": sequence})
    )


def orders_of(reader: Reader) -> list[Any]:
    """Numbers of updates, and ("gap", number) for gaps, in the order of arrival."""
    return [
        frame["sequence"] if frame["type"] == "order_update" else ("gap", frame["sequence"])
        for frame in map(json.loads, reader.texts)
        if frame["type"] in ("order_update", "gap")
    ]


async def test_a_reader_that_lets_order_updates_pile_up_is_closed_with_4408(hub, layer):
    slow, socket, user_id = await reader_of(hub, orders=True)
    slow.reads.clear()
    update: Document = {"event": "new", "order": {}, "execution": None}
    updates = [update | {"sequence": n + 1} for n in range(outbox.MAX_QUEUED_FRAMES + 10)]
    await layer.group_send(
        publisher.GROUP, {"type": "stream.orders", "owner": str(user_id), "updates": updates}
    )
    await until(lambda: socket.is_closing)
    slow.reads.set()
    await until(lambda: slow.close_code == 4408)
    received = [frame["sequence"] for frame in slow.frames("order_update")]
    assert received == list(range(1, len(received) + 1))


async def test_updates_that_were_sent_together_arrive_one_by_one_each_at_its_owner(hub, layer):
    one, _, one_id = await reader_of(hub, orders=True)
    other, _, other_id = await reader_of(hub, orders=True)
    update: Document = {"event": "new", "order": {}, "execution": None}
    messages = [
        {"type": "stream.orders", "owner": str(owner), "updates": [update | {"sequence": number}]}
        for owner, number in ((one_id, 1), (other_id, 1), (one_id, 2))
    ]
    await layer.group_send(publisher.GROUP, {"type": "stream.batch", "messages": messages})
    await until(lambda: len(one.frames("order_update")) == 2)
    await until(lambda: len(other.frames("order_update")) == 1)
    assert [frame["sequence"] for frame in one.frames("order_update")] == [1, 2]


async def test_the_answer_to_a_subscription_says_where_the_updates_stand(hub, layer):
    _, socket, user_id = await reader_of(hub)
    await count(user_id, 7)
    await hub.subscribe(socket, symbols=[], channels=["orders"])
    other = Reader()
    second = Socket(other.send)
    assert socket.access is not None
    hub.join(second, socket.access)
    await hub.subscribe(second, symbols=[], channels=["orders"])
    await tell(layer, user_id, 7, 8)
    await until(lambda: orders_of(other) == [8])
    assert other.frames("subscribed")[0]["orders_sequence"] == 7


async def test_updates_that_come_in_the_wrong_order_are_delivered_in_the_right_one(hub, layer):
    reader, _, user_id = await reader_of(hub, orders=True)
    for sequence in (3, 1, 2, 2, 5, 4):
        await tell(layer, user_id, sequence)
    await until(lambda: len(orders_of(reader)) == 5)
    assert orders_of(reader) == [1, 2, 3, 4, 5]


async def test_an_update_that_stays_away_is_announced_as_a_gap_and_never_follows_it(
    hub, layer, monkeypatch
):
    monkeypatch.setattr(resequencer, "SECONDS_TO_HOLD", 0.05)
    reader, _, user_id = await reader_of(hub, orders=True)
    await tell(layer, user_id, 1)
    await tell(layer, user_id, 3)
    await until(lambda: orders_of(reader) == [1, ("gap", 2), 3])
    await tell(layer, user_id, 2)
    await tell(layer, user_id, 4)
    await until(lambda: orders_of(reader) == [1, ("gap", 2), 3, 4])
    gap = reader.frames("gap")[0]
    assert gap["channel"] == "orders"
    assert datetime.fromisoformat(gap["since"]) < timezone.now() - timedelta(seconds=30)


async def test_the_last_update_of_all_being_lost_is_announced_too(hub, layer):
    reader, _, user_id = await reader_of(hub, orders=True)
    await tell(layer, user_id, 1)
    await count(user_id, 3)
    await until(lambda: orders_of(reader) == [1, ("gap", 3)])
    await tell(layer, user_id, 4)
    await count(user_id, 4)
    await until(lambda: orders_of(reader) == [1, ("gap", 3), 4])


async def test_updates_that_come_while_the_count_is_read_are_not_lost(hub, layer, monkeypatch):
    _, socket, user_id = await reader_of(hub)
    await count(user_id, 1)
    read = snapshots.order_counts

    async def read_slowly(users: Any) -> Any:
        counts = await read(users)
        await tell(layer, user_id, 1, 2, 3)
        await until(lambda: hub._orders.owners[user_id].resequencer.is_waiting)
        return counts

    monkeypatch.setattr(snapshots, "order_counts", read_slowly)
    reader = Reader()
    second = Socket(reader.send)
    assert socket.access is not None
    hub.join(second, socket.access)
    await hub.subscribe(second, symbols=[], channels=["orders"])
    await until(lambda: orders_of(reader) == [2, 3])
    assert reader.frames("subscribed")[0]["orders_sequence"] == 1


async def test_nobody_who_watches_means_nothing_is_kept(hub):
    _, socket, _ = await reader_of(hub, orders=True)
    assert len(hub._orders.owners) == 1
    hub.unsubscribe(socket, symbols=[], channels=["orders"])
    assert not hub._orders.owners
