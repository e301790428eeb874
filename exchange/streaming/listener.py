"""Receiving everything that is published, for as long as the process lives."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from exchange.streaming import publisher

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 5.0


async def listen(
    layer: Any, *, receive: Callable[[dict[str, Any]], None], joined: Callable[[], None]
) -> None:
    """Call `receive` with each message, for ever; when the channel layer fails, join it again.

    `joined` is called each time that listening begins: what was published before was missed.
    """
    pause = 0.0
    while True:
        channel = ""
        try:
            channel = await layer.new_channel("hub.")
            await layer.group_add(publisher.GROUP, channel)
            if pause:
                logger.info("The channel layer is back.")
            pause = 0.0
            joined()
            while True:
                receive(await layer.receive(channel))
        except Exception as error:  # noqa: BLE001 - any layer, any failure: try again
            if not pause:
                logger.warning("The channel layer failed: %r; trying again.", error)
            pause = min(max(2 * pause, FIRST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
            await _leave(layer, channel)
            await asyncio.sleep(pause)


async def _leave(layer: Any, channel: str) -> None:
    """A channel that stays in the group would collect messages that nobody receives."""
    if channel:
        with suppress(Exception):  # the layer is failing
            await layer.group_discard(publisher.GROUP, channel)
