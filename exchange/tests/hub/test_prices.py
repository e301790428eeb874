"""Prices: what each socket gets, in which order, and after a gap."""

import asyncio
import json
from typing import Any

import pytest

from exchange.streaming import publisher, snapshots
from exchange.streaming.rules import protocol
from exchange.tests.hub.readers import (
    caught_up,
    document,
    joined,
    listed,
    moved,
    reader_of,
    send_round,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


async def test_after_the_layer_failed_the_hub_sends_what_was_missed_and_listens_again(hub, layer):
    await listed(AAPL="1", MSFT="1")
    reader, socket, _ = await reader_of(hub, "AAPL")
    await caught_up(hub)
    layer.break_down()
    await until(lambda: not layer._listeners.get(f"group:{publisher.GROUP}"))
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
