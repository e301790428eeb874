"""Corporate actions that are written to the database directly, without the admin's limits."""

from datetime import UTC, date, datetime
from decimal import Decimal

from be.kernel.identifiers import uuid7
from exchange.models import ActionKind, CorporateAction, Instrument
from exchange.tests.market import NOW


def noon(day: date) -> datetime:
    """17:00 UTC: noon or 13:00 in New York."""
    return datetime(day.year, day.month, day.day, 17, 0, tzinfo=UTC)


def announce(
    instrument: Instrument,
    kind: ActionKind,
    ex_date: date,
    *,
    payable_date: date | None = None,
    at: datetime = NOW,
    **terms: object,
) -> CorporateAction:
    """An action of these terms, announced at `at`, and by default payable on its ex-date."""
    return CorporateAction.objects.create(
        id=uuid7(at),
        instrument=instrument,
        kind=kind,
        ex_date=ex_date,
        payable_date=payable_date or ex_date,
        announced_at=at,
        **terms,
    )


def announce_dividend(
    instrument: Instrument,
    amount: str,
    *,
    ex_date: date,
    payable_date: date | None = None,
    at: datetime = NOW,
) -> CorporateAction:
    return announce(
        instrument,
        ActionKind.DIVIDEND,
        ex_date,
        payable_date=payable_date,
        at=at,
        amount=Decimal(amount),
    )


def announce_split(
    instrument: Instrument, new: int, old: int, *, ex_date: date, at: datetime = NOW
) -> CorporateAction:
    return announce(instrument, ActionKind.SPLIT, ex_date, at=at, new_shares=new, old_shares=old)
