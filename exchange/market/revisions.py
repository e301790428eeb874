"""Counting what changes market data without a round, for whoever keeps some of it.

A halt, another name, a split, a listing, candles that are stored, deleted or changed by a late
tick: each counts in the transaction that makes the change, as its last lock.
"""

import threading

from django.db import transaction

from be.database import statements
from exchange.models import MarketRevision

_NAME = "default"
_COUNT = (
    "INSERT INTO exchange_marketrevision (name, count) VALUES (%s, 1) "
    "ON CONFLICT (name) DO UPDATE SET count = exchange_marketrevision.count + 1 RETURNING count"
)


# How often a transaction of this process has counted a change, and was committed.
_committed = 0
_lock = threading.Lock()


def count() -> None:
    """Count a change. Call it in the transaction of the change, after its other locks."""
    statements.query(_COUNT, (_NAME,))
    transaction.on_commit(_note)


def _note() -> None:
    global _committed  # noqa: PLW0603 - one number, of the process
    with _lock:
        _committed += 1


def of_this_process() -> int:
    """How many changes this process has counted and committed; needs no database."""
    return _committed


def last() -> int:
    """The number of the last change."""
    return MarketRevision.objects.filter(name=_NAME).values_list("count", flat=True).first() or 0
