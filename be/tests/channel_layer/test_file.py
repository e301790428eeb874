"""The file may be deleted, damaged or created by several processes at once."""

import asyncio
import shutil
import threading

import pytest
from asgiref.sync import async_to_sync

from be.embedded.channel_layer import EmbeddedChannelLayer
from be.tests.channel_layer.layers import (
    PATIENCE,
    SELDOM,
    member,
    receive,
    receive_numbers,
    round_trip,
    rows,
    tick,
)


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
