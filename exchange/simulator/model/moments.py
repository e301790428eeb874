"""Moments as the model counts them: whole microseconds since 1970, in UTC."""

from datetime import UTC, datetime, timedelta

import numpy as np

from exchange.market.rules import calendar
from exchange.simulator.model.draws import IntArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Of an aware moment; ValueError for one without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return (at - EPOCH) // MICROSECOND


def moment(count: int) -> datetime:
    return EPOCH + count * MICROSECOND


def settlement_days(counts: IntArray) -> IntArray:
    """Ordinals of the days on which trades at these moments settle."""
    days = [calendar.settlement_date(moment(count)).toordinal() for count in counts.tolist()]
    return np.array(days, dtype=np.int64)
