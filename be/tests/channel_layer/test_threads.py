"""Threads, event loops and forks: everybody sends and receives, and nothing is left behind."""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from be.embedded.channel_layer import EmbeddedChannelLayer
from be.tests.channel_layer.layers import (
    PATIENCE,
    SELDOM,
    member,
    no_poller_is_left,
    pollers,
    receive,
    receive_numbers,
    round_trip,
    rows,
    run_python,
    tick,
)


async def test_senders_in_eight_threads_lose_nothing_and_keep_their_order(make_layer):
    layer = make_layer()
    channel = await member(layer, "prices")
    count = 40

    def send_all(sender):
        for n in range(count):
            async_to_sync(layer.group_send)("prices", {"type": "tick", "sender": sender, "n": n})

    threads = [threading.Thread(target=send_all, args=[sender]) for sender in range(8)]
    for thread in threads:
        thread.start()
    received = [await receive(layer, channel) for _ in range(8 * count)]

    for sender, thread in enumerate(threads):
        await asyncio.to_thread(thread.join)
        assert [m["n"] for m in received if m["sender"] == sender] == list(range(count))


def test_sending_from_a_plain_thread_leaves_no_thread_and_close_no_connection_behind(path):
    layer = EmbeddedChannelLayer(path=path)
    threads_before = set(threading.enumerate())

    sender = threading.Thread(
        target=lambda: [async_to_sync(layer.group_send)("prices", tick(n)) for n in range(3)]
    )
    sender.start()
    sender.join(PATIENCE)

    deadline = time.monotonic() + PATIENCE
    while set(threading.enumerate()) - threads_before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads_before
    async_to_sync(layer.close)()
    # SQLite removes these two when the last connection is closed.
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]
    assert len(rows(path)) == 3


async def test_a_thread_without_an_event_loop_sends_too(make_layer):
    here, there = make_layer(), make_layer()
    mine, theirs = await member(here, "prices"), await member(there, "prices")

    await asyncio.to_thread(lambda: [here.group_send_now("prices", tick(n)) for n in range(3)])

    assert await receive_numbers(here, mine, 3) == [0, 1, 2]
    assert await receive_numbers(there, theirs, 3) == [0, 1, 2]
    with pytest.raises(TypeError, match="dict"):
        here.group_send_now("prices", "no dict")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
async def test_a_fork_of_a_sender_sends_on_a_connection_of_its_own(make_layer, path):
    layer = make_layer()
    channel = await member(layer, "prices")
    process = run_python(
        """
import os
def send(n):
    layer.group_send_now("prices", {"type": "tick", "n": n})
def opened():
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return sum(os.path.exists(l) and os.readlink(l).endswith(".sqlite3") for l in links)
send(1)
before = opened()
child = os.fork()
if not child:
    send(2)
    print(before, opened(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
send(3)
child = os.fork()
if not child:
    sys.exit()  # with all that it has inherited
os.waitpid(child, 0)
send(4)
""",
        path,
    )
    assert await receive_numbers(layer, channel, 4) == [1, 2, 3, 4]
    assert await asyncio.to_thread(process.communicate, timeout=PATIENCE) == ("1 1\n", None)
    assert process.returncode == 0
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_parent_and_child_lose_nothing_while_nobody_else_has_the_file_open(path):
    process = run_python(
        """
import os
def send(n):
    layer.group_send_now("prices", {"type": "tick", "n": n})
send(0)
send(1)
child = os.fork()
for n in range(60):
    send(n)
if not child:
    os._exit(0)
os.waitpid(child, 0)
send(2)
asyncio.run(layer.close())
""",
        path,
    )
    assert process.wait(PATIENCE) == 0
    assert len(rows(path)) == 2 + 2 * 60 + 1


async def test_a_newcomer_waits_for_no_sender_that_waits(make_layer, path):
    layer = make_layer()
    await layer.group_send("prices", tick(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sending = asyncio.create_task(layer.group_send("prices", tick(2)))
        await asyncio.sleep(0.2)
        channel = await layer.new_channel()
        assert not sending.done()
        other.execute("COMMIT")
    await sending
    await layer.send(channel, tick(3))
    assert await receive(layer, channel) == tick(3)


async def test_receivers_on_several_event_loops_of_a_process_each_work(make_layer):
    layer = make_layer()
    channel = await member(layer, "prices")
    received, joined = [], threading.Barrier(3)

    async def other_loop():
        own = await member(layer, "prices")
        await asyncio.to_thread(joined.wait, PATIENCE)
        received.append(await receive_numbers(layer, own, 20))

    threads = [threading.Thread(target=asyncio.run, args=[other_loop()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(joined.wait, PATIENCE)
    for n in range(20):
        await layer.group_send("prices", tick(n))

    assert await receive_numbers(layer, channel, 20) == list(range(20))
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert received == [list(range(20))] * 2


async def test_a_channel_cannot_be_received_from_in_another_loop(make_layer):
    layer = make_layer()
    channel = await layer.new_channel()

    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, layer.receive(channel))


@pytest.mark.filterwarnings("error")
def test_a_loop_that_ends_without_goodbye_takes_its_channels_and_the_poller_along(path, caplog):
    layer = EmbeddedChannelLayer(path=path, poll_interval=0.01)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(member(layer, "prices"))
    assert len(pollers()) == 1

    loop.close()

    assert asyncio.run(no_poller_is_left())
    assert caplog.records == []
    # and the layer works in the next loop
    assert asyncio.run(round_trip(layer)) == tick(1)


async def test_close_ends_the_poller_and_the_layer_can_be_used_again(make_layer):
    layer = make_layer(poll_interval=SELDOM)
    channel = await member(layer, "prices")

    assert len(pollers()) == 1
    await asyncio.wait_for(layer.close(), PATIENCE)

    assert pollers() == []
    with pytest.raises(RuntimeError, match="of this process"):
        await layer.group_add("prices", channel)
    assert await round_trip(layer) == tick(1)


async def test_flush_forgets_channels_groups_and_messages(make_layer, path):
    layer = make_layer()
    channel = await member(layer, "prices")
    await layer.group_send("prices", tick(1))

    await layer.flush()

    assert rows(path) == []
    with pytest.raises(RuntimeError, match="of this process"):
        await layer.group_add("prices", channel)
    assert await round_trip(layer) == tick(1)
