"""Messages reach channels and groups, in order, in every process, and as Channels uses it."""

import asyncio

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator

from be.tests.channel_layer.layers import (
    PATIENCE,
    member,
    no_poller_is_left,
    receive,
    receive_numbers,
    run_python,
    tick,
)


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


class Echo(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no type hints
    groups = ["prices"]

    async def tick(self, event):
        await self.send_json(event)


# Channels looks after database connections with each message of a consumer.
@pytest.mark.django_db(transaction=True)
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
