"""Whether this server can do its work, for people and load balancers."""

import asyncio
import logging
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Max

from be.kernel.formats import time_text
from exchange.models import Quote

logger = logging.getLogger(__name__)

# A channel layer that takes longer counts as down.
SECONDS_TO_ANSWER = 1.0

OK, DEGRADED, DOWN = "ok", "degraded", "down"


def check(*, now: datetime) -> dict[str, Any]:
    """The status of the public contract: `down` without a database, `degraded` without ticks."""
    last_quote_at, database = _newest_quote()
    age = None if last_quote_at is None else (now - last_quote_at).total_seconds()
    fresh = age is not None and age <= settings.QUOTE_MAX_AGE_SECONDS
    channel_layer = _channel_layer()
    healthy = fresh and channel_layer == OK
    return {
        "status": DOWN if database == DOWN else OK if healthy else DEGRADED,
        "version": settings.VERSION,
        "time": time_text(now),
        "checks": {
            "database": database,
            "channel_layer": channel_layer,
            "market_data": {
                "status": OK if fresh else "stale",
                "last_quote_at": None if last_quote_at is None else time_text(last_quote_at),
                "age_seconds": None if age is None else round(age, 3),
            },
        },
    }


def _newest_quote() -> tuple[datetime | None, str]:
    try:
        return Quote.objects.aggregate(newest=Max("timestamp"))["newest"], OK
    except DatabaseError as error:
        logger.warning("status: the database does not answer: %s", error)
        connection.close()
        return None, DOWN


async def _ask(layer: Any) -> None:
    async with asyncio.timeout(SECONDS_TO_ANSWER):
        await layer.group_send("brokerpro.status", {"type": "status.check"})


def _channel_layer() -> str:
    layer = get_channel_layer()
    if layer is None:
        return DOWN
    try:
        async_to_sync(_ask)(layer)
    except Exception as error:  # noqa: BLE001 - each layer has errors of its own; all mean down
        logger.warning("status: the channel layer does not answer: %s", error)
        return DOWN
    return OK
