"""Bringing encrypted rows under the newest key, in batches, while others write.

Which rows are left is asked of the rows themselves, so whoever starts again after a crash goes on
where it ended, and rows that are written meanwhile under an older key are found too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from be.database import transactions
from be.kernel import encryption
from be.kernel.encryption import KeyRing, Unreadable

# Few enough that customers, whose writes wait for SQLite's lock, notice nothing.
BATCH = 100


@dataclass(frozen=True)
class Reencrypted:
    """How many rows were re-encrypted, and the ids of those that no key opens."""

    rows: int
    unreadable: tuple[Any, ...]


def outdated(rows: QuerySet[Any], *, column: str, ring: KeyRing) -> QuerySet[Any]:
    """The rows whose value is under another key than the newest; empty values are under none."""
    first = encryption.header(ring)
    after = (int.from_bytes(first) + 1).to_bytes(len(first))
    newest = {f"{column}__gte": first, f"{column}__lt": after}
    return rows.exclude(**newest).exclude(**{column: b""})


def run(
    rows: QuerySet[Any],
    *,
    column: str,
    ring: KeyRing,
    reencrypt: Callable[[Any], object],
    progress: Callable[[int], None],
) -> Reencrypted:
    """Call `reencrypt` with each outdated row, locked, in transactions of BATCH rows.

    `reencrypt` saves the row under the newest key, or raises Unreadable. `progress` is told
    after each transaction how many rows were done so far.
    """
    done, unreadable = 0, list[Any]()
    while True:
        left = outdated(rows, column=column, ring=ring).exclude(pk__in=unreadable)
        ids = list(left.order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not ids:
            return Reencrypted(done, tuple(unreadable))
        batch, lost = _batch(rows.filter(pk__in=ids), column, ring, reencrypt)
        done += batch
        unreadable += lost
        progress(done)


@transactions.atomic
def _batch(
    rows: QuerySet[Any], column: str, ring: KeyRing, reencrypt: Callable[[Any], object]
) -> tuple[int, list[Any]]:
    done, unreadable = 0, []
    # Asked again under the lock: an account may have been unlinked, and its number destroyed.
    for row in outdated(rows, column=column, ring=ring).select_for_update().order_by("pk"):
        try:
            reencrypt(row)
            done += 1
        except Unreadable:
            unreadable.append(row.pk)
    return done, unreadable
