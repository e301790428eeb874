"""The embedded channel layer, seen as processes see it: each layer object stands for one.

That a message does NOT arrive is shown by sending a marker after it: order is the same for all,
so whoever receives the marker first was never sent the message.
"""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator

from be.embedded import channel_layer
from be.embedded.channel_layer import EmbeddedChannelLayer

PATIENCE = 20  # seconds until a test that waits in vain gives up
SELDOM = 3 * PATIENCE  # the poll interval of a process that reads only when it sends
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "on demand" / "channels.sqlite3"


@pytest.fixture
async def make_layer(path):
    """Make layers on one file."""
    made = []

    def make(**config):
        made.append(EmbeddedChannelLayer(path=str(path), **{"poll_interval": 0.01} | config))
        return made[-1]

    yield make
    for layer in made:
        await layer.close()


async def member(layer, group):
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


async def receive(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), PATIENCE)


async def receive_numbers(layer, channel, count):
    return [(await receive(layer, channel))["n"] for _ in range(count)]


def tick(n):
    return {"type": "tick", "n": n}


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT id, address FROM messages ORDER BY id").fetchall()


# Pollers of layers that other tests of this process have left behind.
_of_others: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _know_the_pollers_of_others():
    _of_others.clear()
    _of_others.update(pollers())


def pollers():
    named = (t for t in threading.enumerate() if t.name == channel_layer.POLLER_THREAD_NAME)
    return [poller for poller in named if poller not in _of_others]


async def no_poller_is_left():
    for poller in pollers():
        await asyncio.to_thread(poller.join, PATIENCE)
    return not pollers()


def run_python(code, path):
    """Start a really separate process; `layer` is its layer on the same file."""
    prelude = (
        "import asyncio, sys\n"
        "from be.channel_layer import EmbeddedChannelLayer\n"
        "layer = EmbeddedChannelLayer(path=sys.argv[1], poll_interval=0.01)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code, str(path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


# Delivery


async def test_a_group_message_reaches_each_member_as_a_copy_of_its_own(make_layer):
    layer = make_layer()
    first, second = await member(layer, "prices"), await member(layer, "prices")
    message = {"type": "tick", "prices": [1, "2.50", None, True, b"raw"], "by": {"AAPL": 1.5}}

    await layer.group_send("prices", message)

    got_first, got_second = await receive(layer, first), await receive(layer, second)
    assert got_first == got_second == message
    assert got_first["prices"] is not got_second["prices"]


async def test_a_message_to_a_channel_reaches_that_channel_only(make_layer):
    layer = make_layer()
    first, second = await layer.new_channel(), await layer.new_channel()

    await layer.send(first, tick(1))
    await layer.send(second, tick(2))

    assert await receive(layer, first) == tick(1)
    assert await receive(layer, second) == tick(2)


async def test_a_channel_can_be_received_from_by_name_alone(make_layer):
    worker, sender = make_layer(), make_layer()
    job = asyncio.create_task(receive(worker, "reports"))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        while not job.done():  # the worker begins to listen at some moment during this
            await sender.send("reports", tick(1))
            await asyncio.sleep(0.01)

    assert job.result() == tick(1)


async def test_two_processes_deliver_to_each_other_and_both_see_one_order(make_layer):
    here, there = make_layer(), make_layer()
    member_here, member_there = await member(here, "prices"), await member(there, "prices")

    for n in range(0, 40, 2):
        await here.group_send("prices", tick(n))
        await there.group_send("prices", tick(n + 1))

    assert await receive_numbers(here, member_here, 40) == list(range(40))
    assert await receive_numbers(there, member_there, 40) == list(range(40))


async def test_a_channel_of_another_process_can_be_sent_to(make_layer):
    here, there = make_layer(), make_layer()
    channel = await there.new_channel()

    await here.send(channel, tick(1))

    assert await receive(there, channel) == tick(1)


async def test_sends_started_together_arrive_in_the_order_they_were_started(make_layer):
    layer = make_layer()
    channel = await member(layer, "prices")

    await asyncio.gather(*(layer.group_send("prices", tick(n)) for n in range(200)))

    assert await receive_numbers(layer, channel, 200) == list(range(200))


async def test_more_messages_than_one_read_takes_all_arrive_in_order(make_layer):
    layer = make_layer(capacity=3000)
    channel = await member(layer, "prices")

    await asyncio.gather(*(layer.group_send("prices", tick(n)) for n in range(2500)))

    assert await receive_numbers(layer, channel, 2500) == list(range(2500))
    assert layer.dropped == 0


async def test_a_separate_process_sends_and_is_answered(make_layer, path):
    layer = make_layer()
    channel = await member(layer, "prices")
    code = """
async def main():
    own = await layer.new_channel()
    await layer.group_send("prices", {"type": "hello", "reply_to": own})
    for n in range(100):
        await layer.group_send("prices", {"type": "tick", "n": n})
    print((await layer.receive(own))["text"])
asyncio.run(main())
"""
    with run_python(code, path) as process:
        hello = await receive(layer, channel)
        assert await receive_numbers(layer, channel, 100) == list(range(100))
        await layer.send(hello["reply_to"], {"type": "answer", "text": "good day"})
        output, _ = await asyncio.to_thread(process.communicate, timeout=PATIENCE)

    assert output.strip() == "good day"
    assert process.returncode == 0


async def test_a_process_that_is_killed_hurts_nobody(make_layer, path):
    layer = make_layer()
    channel = await member(layer, "prices")
    code = """
async def main():
    own = await layer.new_channel()
    await layer.group_add("prices", own)
    n = 0
    while True:
        await layer.group_send("prices", {"type": "tick", "n": n})
        n += 1
asyncio.run(main())
"""
    with run_python(code, path) as process:
        assert await receive_numbers(layer, channel, 50) == list(range(50))
        process.kill()

    await layer.group_send("prices", tick("after"))
    async with asyncio.timeout(PATIENCE):
        while (await layer.receive(channel))["n"] != "after":
            pass
    assert layer.dropped == 0


# Who is a member


async def test_a_newcomer_sees_no_history(make_layer):
    sender = make_layer()
    await sender.group_send("prices", tick("old"))
    newcomer = make_layer()
    channel = await member(newcomer, "prices")

    await sender.group_send("prices", tick("new"))

    assert await receive(newcomer, channel) == tick("new")


async def test_a_newcomer_sees_no_history_although_its_process_has_yet_to_read_it(make_layer):
    # given a process that polls, for now, only when it sends something itself
    sender, process = make_layer(), make_layer(poll_interval=SELDOM)
    early = await member(process, "prices")
    await process.group_send("prices", tick("wake"))
    assert await receive(process, early) == tick("wake")

    # when a message is sent before somebody joins, and read after
    await sender.group_send("prices", tick("old"))
    late = await member(process, "prices")
    await process.group_send("prices", tick("new"))

    # then only those who were members get it
    assert await receive_numbers(process, early, 2) == ["old", "new"]
    assert await receive(process, late) == tick("new")


async def test_discard_stops_delivery_from_that_group_only(make_layer):
    layer = make_layer()
    channel = await member(layer, "prices")
    await layer.group_add("orders", channel)

    await layer.group_discard("prices", channel)
    await layer.group_discard("prices", channel)  # again: does nothing
    await layer.group_send("prices", tick("discarded"))
    await layer.group_send("orders", tick("kept"))

    assert await receive(layer, channel) == tick("kept")


async def test_joining_twice_delivers_once(make_layer):
    layer = make_layer()
    channel = await member(layer, "prices")
    await layer.group_add("prices", channel)

    await layer.group_send("prices", tick(1))
    await layer.group_send("prices", tick(2))

    assert await receive_numbers(layer, channel, 2) == [1, 2]


async def test_only_a_channel_of_this_process_can_join_a_group(make_layer):
    here, there = make_layer(), make_layer()
    channel = await there.new_channel()

    with pytest.raises(RuntimeError, match="of this process"):
        await here.group_add("prices", channel)


async def test_a_cancelled_receive_ends_the_channel(make_layer):
    layer = make_layer()
    channel = await member(layer, "prices")
    waiting = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    with pytest.raises(RuntimeError, match="of this process"):
        await layer.group_add("prices", channel)
    assert await no_poller_is_left()


async def test_a_full_channel_that_nobody_receives_from_is_forgotten_after_expiry(make_layer):
    layer = make_layer(capacity=1, expiry=0.05)
    await member(layer, "prices")

    async with asyncio.timeout(PATIENCE):
        while pollers():
            await layer.group_send("prices", tick(1))
            await asyncio.sleep(0.01)


async def test_a_channel_that_fills_after_a_long_silence_is_not_forgotten(make_layer):
    layer = make_layer(capacity=1, expiry=0.5)
    channel = await member(layer, "prices")
    waiting = asyncio.create_task(receive(layer, channel))
    await asyncio.sleep(0.6)

    await asyncio.gather(*(layer.group_send("prices", tick(n)) for n in range(3)))

    await waiting
    await layer.group_send("prices", tick("still here"))
    async with asyncio.timeout(PATIENCE):
        while (await layer.receive(channel))["n"] != "still here":
            pass


# Limits


async def test_a_full_channel_drops_its_oldest_messages_and_counts_them(make_layer):
    layer = make_layer(capacity=10)
    slow, other = await member(layer, "prices"), await layer.new_channel()

    for n in range(25):
        await layer.group_send("prices", tick(n))
    await layer.send(other, tick("all delivered"))
    await receive(layer, other)

    assert layer.dropped == 15
    assert await receive_numbers(layer, slow, 10) == list(range(15, 25))


async def test_capacity_can_be_set_for_channels_by_pattern(make_layer):
    layer = make_layer(channel_capacity={"small.*": 2})
    small, other = await layer.new_channel("small."), await layer.new_channel()

    for n in range(5):
        await layer.send(small, tick(n))
        await layer.send(other, tick(n))

    assert await receive_numbers(layer, other, 5) == [0, 1, 2, 3, 4]
    assert await receive_numbers(layer, small, 2) == [3, 4]


async def test_pruning_keeps_the_table_small_and_the_numbers_rising(make_layer, path):
    layer = make_layer(expiry=0.05)
    await layer.group_send("prices", tick(0))
    ((first_id, _),) = rows(path)

    for _ in range(4):
        await asyncio.gather(*(layer.group_send("prices", tick(n)) for n in range(100)))
        await asyncio.sleep(0.1)
    await layer.group_send("prices", tick("last"))

    assert len(rows(path)) == 1
    assert rows(path)[0][0] == first_id + 401


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda layer: layer.group_send("not a name", tick(1)), "Group name"),
        (lambda layer: layer.group_add("prices", "not a name"), "Channel name"),
        (lambda layer: layer.group_discard("a:b", "channel"), "Group name"),
        (lambda layer: layer.send("not a name", tick(1)), "Channel name"),
        (lambda layer: layer.receive("x" * 100), "Channel name"),
        (lambda layer: layer.new_channel("not a name"), "Channel name"),
        (lambda layer: layer.send("channel", ["not", "a", "dict"]), "is a dict, not list"),
        (lambda layer: layer.send("channel", {"type": "tick", "n": object()}), "object"),
    ],
)
async def test_a_bad_name_or_message_is_refused_and_nothing_is_sent(make_layer, path, call, reason):
    layer = make_layer()
    await layer.group_send("prices", tick(1))

    with pytest.raises(TypeError, match=reason):
        await call(layer)

    assert [address for _, address in rows(path)] == ["group:prices"]


# Threads and event loops


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


async def round_trip(layer):
    channel = await member(layer, "prices")
    await layer.group_send("prices", tick(1))
    return await receive(layer, channel)


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


# The file


async def test_a_deleted_file_heals(make_layer, path):
    here, there = make_layer(), make_layer()
    channel = await member(there, "prices")
    for _ in range(3):
        # given a file some of whose pages are in its log and some are not
        for n in range(12):
            await here.group_send("prices", {"type": "tick", "n": n, "bulk": b"x" * 500_000})
        assert await receive_numbers(there, channel, 12) == list(range(12))

        path.unlink()  # and not its -wal and -shm: what remains must not confuse the next file

        await here.group_send("prices", tick("after"))
        assert await receive(there, channel) == tick("after")
        assert len(rows(path)) == 1


async def test_a_deleted_folder_heals(make_layer, path):
    layer = make_layer(poll_interval=SELDOM)
    channel = await member(layer, "prices")
    await layer.group_send("prices", tick("wake"))
    assert await receive(layer, channel) == tick("wake")
    shutil.rmtree(path.parent)

    await layer.group_send("prices", tick(1))

    assert await receive(layer, channel) == tick(1)


async def test_what_was_sent_just_before_the_file_was_deleted_still_arrives(make_layer, path):
    sender, process = make_layer(), make_layer(poll_interval=SELDOM)
    channel = await member(process, "prices")
    await process.group_send("prices", tick("wake"))
    assert await receive(process, channel) == tick("wake")

    await sender.group_send("prices", tick("in the old file"))
    path.unlink()
    await process.group_send("prices", tick("in the new file"))

    assert await receive_numbers(process, channel, 2) == ["in the old file", "in the new file"]


@pytest.mark.parametrize("damage", [b"", b"this is not a database" * 1000, b"SQLite format 3\0"])
async def test_a_file_that_is_corrupt_at_the_start_is_discarded(make_layer, path, damage):
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)

    assert await round_trip(make_layer()) == tick(1)


async def test_a_file_that_becomes_corrupt_is_discarded_and_members_go_on(make_layer, path):
    """What is sent before anybody has noticed can be lost with the file."""
    here, there = make_layer(), make_layer()
    channel = await member(there, "prices")
    await here.group_send("prices", tick("before"))
    assert await receive(there, channel) == tick("before")

    for file in path.parent.iterdir():
        if not file.name.endswith("-shm"):  # memory shared with SQLite: damage there is a crash
            file.write_bytes(b"this is not a database" * 1000)

    sent = 0
    receiving = asyncio.create_task(receive(there, channel))
    while not receiving.done():
        sent += 1
        await here.group_send("prices", tick(sent))
        await asyncio.wait([receiving], timeout=0.1)
    assert (await receiving)["n"] in (1, 2)


@pytest.mark.parametrize("attempt", range(5))
def test_processes_that_create_the_file_at_once_share_it(path, attempt):
    start = threading.Barrier(8)

    def first_send(n):
        layer = EmbeddedChannelLayer(path=path)
        start.wait(PATIENCE)
        async_to_sync(layer.group_send)(f"group-{n}", tick(n))

    threads = [threading.Thread(target=first_send, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {address for _, address in rows(path)} == {f"group:group-{n}" for n in range(8)}


def test_only_its_owner_can_read_the_file(path):
    async_to_sync(EmbeddedChannelLayer(path=path).group_send)("orders", tick(1))

    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_send_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    layer = EmbeddedChannelLayer(path=tmp_path / "file" / "channels.sqlite3")

    with pytest.raises(OSError, match="file"):
        await layer.group_send("prices", tick(1))


# As Channels uses it


class Echo(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no type hints
    groups = ["prices"]

    async def tick(self, event):
        await self.send_json(event)


async def test_a_consumer_receives_what_is_sent_to_its_group_and_leaves_nothing(path, settings):
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "be.embedded.channel_layer.EmbeddedChannelLayer",
            "CONFIG": {"path": str(path), "expiry": 60, "poll_interval": 0.01, "capacity": 1000},
        }
    }
    assert "default" in channel_layers
    communicator = WebsocketCommunicator(Echo.as_asgi(), "/")
    await communicator.connect(timeout=PATIENCE)

    await get_channel_layer().group_send("prices", tick(7))

    assert await communicator.receive_json_from(timeout=PATIENCE) == tick(7)
    await communicator.disconnect(timeout=PATIENCE)
    assert await no_poller_is_left()
