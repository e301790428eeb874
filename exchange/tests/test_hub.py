"""The hub with a real database and a real embedded channel layer, and sockets that are lists."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.utils import timezone

from authentication import sessions
from authentication.models import User
from be.embedded.channel_layer import EmbeddedChannelLayer
from exchange.market import quotes
from exchange.models import OrderFeed, Quote
from exchange.streaming import publish, snapshots
from exchange.streaming.hub import Hub
from exchange.streaming.rules import order_lines, outbox, protocol
from exchange.streaming.sockets import Access, Socket
from exchange.tests import market

pytestmark = pytest.mark.django_db(transaction=True)

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
    await until(lambda: not hub._has_gap)


async def joined(layer: Layer) -> None:
    await until(lambda: any(address.startswith("group:") for address in layer._listeners))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - it may be anything
            await asyncio.sleep(0.005)


async def send_round(layer: Layer, sequence: int, *documents: Document) -> None:
    message = {"type": "stream.quotes", "sequence": sequence, "quotes": list(documents)}
    await layer.group_send(publish.GROUP, message)


async def test_sockets_with_the_same_symbols_are_handed_the_same_text(hub, layer):
    await listed(AAPL="1", MSFT="1")
    one, _, _ = await reader_of(hub, "AAPL", "MSFT")
    other, _, _ = await reader_of(hub, "MSFT", "AAPL")
    await send_round(layer, 1, document("AAPL", 2), document("MSFT", 2), document("TSLA", 2))
    await until(lambda: len(one.texts) == len(other.texts) == 2)
    assert one.texts[1] is other.texts[1]
    assert [quote["symbol"] for quote in json.loads(one.texts[1])["quotes"]] == ["AAPL", "MSFT"]


async def test_a_slow_reader_gets_only_the_newest_quotes_and_holds_up_nobody(hub, layer):
    await listed(AAPL="1", MSFT="1")
    slow, _, _ = await reader_of(hub, "AAPL", "MSFT")
    quick, _, _ = await reader_of(hub, "AAPL", "MSFT")
    slow.reads.clear()
    for sequence in range(2, 22):
        await send_round(layer, sequence, document("AAPL", sequence), document("MSFT", 2))
    await until(lambda: quick.sequences("AAPL")[-1] == 21)
    slow.reads.set()
    await until(lambda: slow.sequences("AAPL")[-1] == 21)
    assert len(slow.frames("price_update")) <= 2
    assert slow.frames("price_update")[-1]["sequence"] == 21
    assert slow.sequences("MSFT") == quick.sequences("MSFT") == [1, 2]


async def test_a_reader_that_lets_order_updates_pile_up_is_closed_with_4408(hub, layer):
    slow, socket, user_id = await reader_of(hub, orders=True)
    slow.reads.clear()
    update: Document = {"event": "new", "order": {}, "execution": None}
    updates = [update | {"sequence": n + 1} for n in range(outbox.MAX_QUEUED_FRAMES + 10)]
    await layer.group_send(
        publish.GROUP, {"type": "stream.orders", "owner": str(user_id), "updates": updates}
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
    await layer.group_send(publish.GROUP, {"type": "stream.batch", "messages": messages})
    await until(lambda: len(one.frames("order_update")) == 2)
    await until(lambda: len(other.frames("order_update")) == 1)
    assert [frame["sequence"] for frame in one.frames("order_update")] == [1, 2]


# Order updates: numbered in the database, heard over a bus that loses and swaps them.


def update(sequence: int) -> Document:
    return {"sequence": sequence, "event": "new", "order": {}, "execution": None}


async def tell(layer: Layer, owner: UUID, *sequences: int) -> None:
    updates = [update(sequence) for sequence in sequences]
    message = {"type": "stream.orders", "owner": str(owner), "updates": updates}
    await layer.group_send(publish.GROUP, message)


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
    monkeypatch.setattr(order_lines, "SECONDS_TO_HOLD", 0.05)
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
        await until(lambda: hub._orders[user_id].line.is_waiting)
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
    assert len(hub._orders) == 1
    hub.unsubscribe(socket, symbols=[], channels=["orders"])
    assert not hub._orders


async def test_an_older_quote_never_follows_a_newer_one(hub, layer):
    await listed(AAPL="1", MSFT="1")
    reader, _, _ = await reader_of(hub, "AAPL", "MSFT")
    await send_round(layer, 2, document("AAPL", 5))
    await send_round(layer, 1, document("AAPL", 4), document("MSFT", 4))
    await send_round(layer, 3, document("AAPL", 5), document("MSFT", 5))
    await until(lambda: reader.sequences("MSFT") == [1, 4, 5])
    assert reader.sequences("AAPL") == [1, 5]


async def test_a_round_that_overtakes_the_snapshot_is_in_it(hub, layer, monkeypatch):
    await listed(AAPL="1")
    read = snapshots.prices_of

    async def read_slowly(symbols: Any) -> Any:
        answer = await read(symbols)
        await send_round(layer, 1, document("AAPL", 9))
        await until(lambda: hub._prices.sequences.get("AAPL") == 9)
        return answer

    monkeypatch.setattr(snapshots, "prices_of", read_slowly)
    reader, _, _ = await reader_of(hub, "AAPL")
    await send_round(layer, 2, document("AAPL", 10))
    await until(lambda: len(reader.texts) == 2)
    assert reader.sequences("AAPL") == [9, 10]


async def test_waiting_prices_of_an_unsubscribed_symbol_are_not_sent(hub, layer):
    await listed(AAPL="1", MSFT="1")
    reader, socket, _ = await reader_of(hub, "AAPL", "MSFT")
    reader.reads.clear()
    socket.put(protocol.Pong(id=1))  # the writer waits with this one
    await asyncio.sleep(0)
    await send_round(layer, 1, document("AAPL", 2), document("MSFT", 2))
    await until(lambda: hub._prices.sequences.get("MSFT") == 2)
    hub.unsubscribe(socket, symbols=["AAPL"], channels=[])
    reader.reads.set()
    await until(lambda: reader.sequences("MSFT") == [1, 2])
    assert reader.sequences("AAPL") == [1]
    assert reader.frames("unsubscribed")[0]["symbols"] == ["MSFT"]


async def test_what_a_slow_reader_lacks_comes_before_the_answer_to_its_next_subscription(
    hub, layer
):
    await listed(AAPL="1", MSFT="1")
    reader, socket, _ = await reader_of(hub, "AAPL")
    reader.reads.clear()
    socket.put(protocol.Pong(id=1))  # the writer waits with this one
    await send_round(layer, 1, document("AAPL", 2), document("MSFT", 2))
    await until(lambda: hub._prices.sequences.get("MSFT") == 2)
    await hub.subscribe(socket, symbols=["MSFT"], channels=[])
    await send_round(layer, 2, document("AAPL", 3), document("MSFT", 3))
    await until(lambda: hub._prices.sequences.get("MSFT") == 3)
    reader.reads.set()
    await until(lambda: len(reader.texts) == 5)
    assert [json.loads(text)["type"] for text in reader.texts[1:]] == [
        "pong",
        "price_update",
        "subscribed",
        "price_update",
    ]
    assert reader.sequences("AAPL") == [1, 2, 3]
    assert reader.sequences("MSFT") == [2, 3]


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


async def test_after_the_layer_failed_the_hub_sends_what_was_missed_and_listens_again(hub, layer):
    await listed(AAPL="1", MSFT="1")
    reader, socket, _ = await reader_of(hub, "AAPL")
    await caught_up(hub)
    layer.break_down()
    await until(lambda: not layer._listeners.get(f"group:{publish.GROUP}"))
    missed = await moved("AAPL", 7)
    layer.mend()
    await until(lambda: reader.sequences("AAPL") == [1, 7])
    assert reader.frames("price_update")[-1]["quotes"] == [missed]

    await joined(layer)
    await send_round(layer, 1, document("AAPL", 8))
    await until(lambda: reader.sequences("AAPL") == [1, 7, 8])
    assert not socket.is_closing


async def test_a_gap_in_the_rounds_is_filled_from_the_database(hub, layer):
    await listed(AAPL="1", MSFT="1")
    reader, _, _ = await reader_of(hub, "AAPL", "MSFT")
    await caught_up(hub)
    await send_round(layer, 1, document("MSFT", 2))
    await moved("AAPL", 3)  # in round 2, which is lost
    await send_round(layer, 3, document("MSFT", 3))
    await until(lambda: reader.sequences("AAPL") == [1, 3])


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
        await layer.group_send(publish.GROUP, message)
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
        patch.setattr(snapshots, "truth", fail)
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
