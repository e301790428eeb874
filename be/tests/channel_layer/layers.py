"""What the tests of the embedded channel layer share: each layer object stands for a process.

That a message does NOT arrive is shown by sending a marker after it. The order is the same for all
receivers, so whoever receives the marker first was never sent the message.
"""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from be.embedded import channel_layer

PATIENCE = 20  # seconds until a test that waits in vain gives up
SELDOM = 3 * PATIENCE  # the poll interval of a process that reads only when it sends
PROJECT = Path(__file__).resolve().parents[3]

# Pollers that were there before the test: of layers that other tests have left behind.
other_pollers: set[threading.Thread] = set()


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


def pollers():
    named = (t for t in threading.enumerate() if t.name == channel_layer.POLLER_THREAD_NAME)
    return [poller for poller in named if poller not in other_pollers]


async def no_poller_is_left():
    for poller in pollers():
        await asyncio.to_thread(poller.join, PATIENCE)
    return not pollers()


def run_python(code, path):
    """Start a really separate process; `layer` is its layer on the same file."""
    prelude = (
        "import asyncio, sys\n"
        "from be.embedded.channel_layer import EmbeddedChannelLayer\n"
        "layer = EmbeddedChannelLayer(path=sys.argv[1], poll_interval=0.01)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code, str(path)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def round_trip(layer):
    channel = await member(layer, "prices")
    await layer.group_send("prices", tick(1))
    return await receive(layer, channel)
