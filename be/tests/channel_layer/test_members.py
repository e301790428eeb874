"""Who is a member of a group, and when a channel is forgotten."""

import asyncio

import pytest

from be.tests.channel_layer.layers import (
    PATIENCE,
    SELDOM,
    member,
    no_poller_is_left,
    pollers,
    receive,
    receive_numbers,
    tick,
)


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
