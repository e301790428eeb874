"""Moments as integers: microseconds since 1970 in UTC, as all arrays of times in the model are."""

from datetime import UTC, datetime, timedelta

import numpy as np

from exchange.market.rules import calendar
from exchange.simulator.model.arrays import IntArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Of an aware datetime. Raises ValueError for one without a time zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return (at - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The aware datetime, in UTC."""
    return EPOCH + count * MICROSECOND


def settlement_days(counts: IntArray) -> IntArray:
    """When bond trades at these moments settle, as proleptic Gregorian ordinals."""
    days = [
        calendar.settlement_date(from_microseconds(count)).toordinal() for count in counts.tolist()
    ]
    return np.array(days, dtype=np.int64)
