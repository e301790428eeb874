"""Daily sums of an owner's postings: stored up to some posting, and read together with later ones.

Nothing is stored when something is booked. A read takes what is stored and what was booked after
it, in one statement, so that both are of one moment; if that was much, the read stores the sums as
they are then (`advance`). So a read costs the same for any past, and cannot disagree with the
ledger. All rows of an owner together may be deleted: they are made again. See
docs/decisions/daily-sums.md.

A posting that is booked with an earlier time than those before it goes into the sum of its own day.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Max

from banking import ledger
from banking.models import Posting
from be.database import statements
from be.database.statements import Row
from portfolio import daily_rows
from portfolio.daily_rows import DAY
from portfolio.instants import instant
from portfolio.models import BankFlow, DailyMovement, LedgerFold

logger = logging.getLogger(__name__)

MANY = 500
"""Up to so many new postings are added up anew by each read."""

NEVER = 10**6
"""A day after all others."""

# After all times.
EVER = datetime.max.replace(tzinfo=UTC)


class Stored(NamedTuple):
    """What is stored of an owner: all postings up to `through`.

    Of that, the sums of the days before `day` are to be read. All postings that are not in these
    have ids above `others`.
    """

    through: int
    day: int
    others: int


def read(
    sql: str,
    values: Callable[[Stored], Row],
    *,
    owner_id: UUID,
    until: datetime,
    day: int = NEVER,
) -> list[Row]:
    """The rows of a statement that adds postings to what is stored of the days before `day`.

    Where something that came after `until` is in the sums, its day is not read from them. The
    database plans with the values: how many postings are new decides how they are best found.
    """
    last = instant(until)
    before = min(day, last // DAY)
    known = (last, before, day, last, owner_id, before, owner_id, day, owner_id)
    while True:
        stored = Stored(*statements.query(daily_rows.STORED, known, planned_anew=True)[0])
        rows = statements.query(
            daily_rows.with_fold(sql), (owner_id, *values(stored)), planned_anew=True
        )
        # Otherwise the sums have been stored anew in between: then they may have more.
        if rows[0][0] == stored.through:
            return [row[1:] for row in rows if row[1:].count(None) < len(row) - 1]


def advance_after(new: int, owner_id: UUID) -> None:
    """Store the sums if a read has added up many new postings; the read does not fail with it."""
    if new > MANY:
        try:
            advance(owner_id)
        except DatabaseError as error:
            logger.warning("daily sums of %s are stored another time: %s", owner_id, error)


def advance(owner_id: UUID) -> None:
    """Store the sums up to now. Where two do it at once, the second finds it done."""
    through = ledger.settled_through(owner_id)
    with transaction.atomic():
        before = _locked(owner_id)
        new = Posting.objects.filter(owner_id=owner_id, pk__gt=before.through, pk__lte=through)
        latest = new.aggregate(at=Max("created_at"))["at"]
        if latest is None:
            return
        part = (owner_id, before.through, through)
        _execute(daily_rows.ADD_MOVEMENTS, (owner_id, *part, owner_id))
        _execute(daily_rows.ADD_PRICES, (owner_id, *part, owner_id))
        _execute(daily_rows.ADD_FLOWS, (owner_id, *part))
        before.through, before.latest_at = through, max(before.latest_at, instant(latest))
        before.save()


def forget(owner_id: UUID) -> None:
    """Delete the sums. The row that is locked stays, for those who wait for it to store sums."""
    with transaction.atomic():
        fold = _locked(owner_id)
        DailyMovement.objects.filter(owner_id=owner_id).delete()
        BankFlow.objects.filter(owner_id=owner_id).delete()
        fold.through = fold.latest_at = 0
        fold.save()


def _locked(owner_id: UUID) -> LedgerFold:
    """How far the owner's sums are, locked; made if it is missing, to be waited for."""
    LedgerFold.objects.get_or_create(owner_id=owner_id)
    return LedgerFold.objects.select_for_update().get(owner_id=owner_id)


@transaction.atomic
def check(owner_id: UUID) -> list[str]:
    """What differs between the stored sums and those of all postings that they should be of."""
    fold = LedgerFold.objects.select_for_update().filter(owner_id=owner_id).first()
    part = (owner_id, 0, 0 if fold is None else fold.through)
    wrong = []
    for name, stored, expected, values in (
        ("movements", daily_rows.STORED_MOVEMENTS, daily_rows.MOVEMENTS, (*part, owner_id)),
        ("prices", daily_rows.STORED_PRICES, daily_rows.PRICES, (*part, owner_id)),
        ("flows", daily_rows.STORED_FLOWS, daily_rows.BANK_FLOWS, part),
    ):
        found = _that_say_something(statements.query(stored, (owner_id,)))
        right = _that_say_something(statements.query(expected, values, planned_anew=True))
        wrong += [f"{name} of {owner_id}: {row} is wrong" for row in found - right]
        wrong += [f"{name} of {owner_id}: {row} is missing" for row in right - found]
    return wrong


def _that_say_something(rows: Iterable[Row]) -> set[Row]:
    """Those with more than a key. Income that was taken back leaves a sum of nothing."""
    return {row for row in rows if any(row[2:])}


def _execute(sql: str, values: Row) -> None:
    adapted = values if statements.is_postgresql() else statements.adapt(values)
    with connection.cursor() as cursor:
        cursor.execute(sql, adapted)
