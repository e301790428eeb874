"""Capacity, expiry, and names and messages that are refused."""

import asyncio

import pytest

from be.tests.channel_layer.layers import (
    member,
    receive,
    receive_numbers,
    rows,
    tick,
)


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
