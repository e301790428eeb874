"""How long candles are kept: settings.CANDLE_RETENTION_DAYS. Candles of a day are kept for ever."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from be.database import statements
from exchange.market import revisions


def cutoffs(now: datetime) -> dict[str, datetime]:
    """The time by interval before which candles are deleted; without intervals kept for ever."""
    kept: dict[str, int] = settings.CANDLE_RETENTION_DAYS
    return {interval: now - timedelta(days=days) for interval, days in kept.items() if days}


@transaction.atomic
def prune(*, now: datetime, at_most: int) -> int:
    """Delete up to `at_most` candles that are too old; returns how many.

    The query goes instrument by instrument, through the key that reads use, so that it costs little
    when there are none. It takes no lock that a round or a reader would wait for.
    """
    deleted = 0
    for interval, cutoff in cutoffs(now).items():
        values = (interval, cutoff, at_most - deleted)
        if statements.is_postgresql():
            rows = statements.query(_DELETE_ON_POSTGRESQL, (*values, at_most - deleted))
        else:
            rows = statements.query(_DELETE_ON_SQLITE, values)
        deleted += len(rows)
        if deleted >= at_most:
            break
    if deleted:
        revisions.count()
    return deleted


_DELETE_ON_POSTGRESQL = """
DELETE FROM exchange_candle WHERE id IN (
    SELECT old.id FROM exchange_instrument instrument CROSS JOIN LATERAL (
        SELECT id FROM exchange_candle
        WHERE instrument_id = instrument.id AND interval = %s AND time < %s
        ORDER BY time LIMIT %s
    ) AS old LIMIT %s
) RETURNING id
"""
# In SQLite a CROSS JOIN fixes the order of the loops: instruments are outside.
_DELETE_ON_SQLITE = """
DELETE FROM exchange_candle WHERE id IN (
    SELECT old.id FROM exchange_instrument instrument CROSS JOIN exchange_candle old
    WHERE old.instrument_id = instrument.id AND old.interval = %s AND old.time < %s
    LIMIT %s
) RETURNING id
"""
