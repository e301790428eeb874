"""Hearing everything that is published, for as long as the process lives."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from exchange.streaming import publish

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 5.0


async def listen(
    layer: Any, *, receive: Callable[[dict[str, Any]], None], joined: Callable[[], None]
) -> None:
    """Pass on each message of the channel layer for ever; when the layer fails, come back to it.

    `joined` is called each time that listening begins: what was published before is not heard.
    """
    pause = 0.0
    while True:
        channel = ""
        try:
            channel = await layer.new_channel("hub.")
            await layer.group_add(publish.GROUP, channel)
            if pause:
                logger.info("The channel layer is back.")
            pause = 0.0
            joined()
            while True:
                receive(await layer.receive(channel))
        except Exception as error:  # noqa: BLE001 - any layer, any failure: come back to it
            if not pause:
                logger.warning("The channel layer failed: %r; trying again.", error)
            pause = min(max(2 * pause, FIRST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
            await _give_up(layer, channel)
            await asyncio.sleep(pause)


async def _give_up(layer: Any, channel: str) -> None:
    """A member that nobody receives for would collect messages."""
    if channel:
        with suppress(Exception):  # it is the failing layer that is asked
            await layer.group_discard(publish.GROUP, channel)
