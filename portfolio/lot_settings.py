"""The lot method that a customer has chosen, and the days on which it has changed.

Lots are stored under the name of a version of these settings. So whoever still folds by earlier
ones stores what nobody reads any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from be.database import statements
from exchange.models import Entitlement, Execution, Side
from portfolio import lot_rows
from portfolio.instants import instant
from portfolio.models import PortfolioSettings
from portfolio.rules import lot_methods
from portfolio.rules.lot_methods import Matching, MethodChange, MethodHistory
from portfolio.rules.lots import TAX_ZONE, LotMethod


@dataclass(frozen=True, slots=True)
class LotSettings:
    """The method in force, and all changes that led to it, the earliest first."""

    lot_method: LotMethod
    changes: Sequence[MethodChange]


def matching(owner_id: UUID, lot_method: LotMethod | None = None) -> Matching:
    """By what the owner's sales are matched: the method that is asked for, or the owner's own."""
    if lot_method is not None:
        return lot_method
    rows = statements.query(
        "SELECT version, lot_methods FROM portfolio_portfoliosettings WHERE owner_id = %s",
        (owner_id,),
    )
    return _matching(*rows[0]) if rows else lot_methods.USUAL


def _matching(version: int, stored: Any) -> Matching:
    changes = _changes(stored)
    return MethodHistory(f"{lot_methods.OWN}{version}", changes) if changes else lot_methods.USUAL


def _changes(stored: Any) -> list[MethodChange]:
    """PostgreSQL's JSON is decoded, SQLite's is text."""
    found = msgspec.json.decode(stored) if isinstance(stored, str) else stored
    return [MethodChange(date.fromisoformat(day), LotMethod(name)) for day, name in found]


def read(*, owner_id: UUID, now: datetime) -> LotSettings:
    """The owner's settings; those of somebody who has set nothing are the usual ones."""
    row = PortfolioSettings.objects.filter(owner=owner_id).first()
    return _shown([] if row is None else _changes(row.lot_methods), now)


def _shown(changes: Sequence[MethodChange], now: datetime) -> LotSettings:
    today = _day(now)
    in_force = [each.method for each in changes if each.day <= today]
    return LotSettings(in_force[-1] if in_force else lot_methods.USUAL, changes)


@transaction.atomic
def change(*, owner_id: UUID, lot_method: LotMethod, now: datetime) -> LotSettings:
    """Match the owner's sales by another method, from this day on, or from tomorrow.

    It is tomorrow if something was sold today, so that no sale is ever matched anew. What was
    stored by the owner's method is removed: the next read folds it again.
    """
    PortfolioSettings.objects.get_or_create(owner_id=owner_id)
    row = PortfolioSettings.objects.select_for_update().get(owner=owner_id)
    before = _changes(row.lot_methods)
    changes = lot_methods.changed(before, method=lot_method, day=_first_day(owner_id, now))
    if changes != before:
        row.lot_methods = [(each.day.isoformat(), each.method.value) for each in changes]
        row.version += 1
        row.save()
        lot_rows.remove_own(owner_id)
    return _shown(changes, now)


def method_of_day(matching: Matching, at: datetime) -> LotMethod:
    """The method in force at a time."""
    return lot_methods.method_at(matching, instant(at))


def _first_day(owner_id: UUID, now: datetime) -> date:
    today = _day(now)
    start = datetime(today.year, today.month, today.day, tzinfo=TAX_ZONE)
    sales = Execution.objects.filter(
        # Ids begin with the time, and the owner's executions are in their order in an index.
        owner=owner_id,
        pk__gte=UUID(int=instant(start) // 1000 << 80),
        order__side=Side.SELL,
    )
    changes = Entitlement.objects.filter(owner=owner_id, carried_out_at__gte=start)
    has_sold = sales.exists() or changes.exists()
    return today + timedelta(days=1) if has_sold else today


def _day(now: datetime) -> date:
    return now.astimezone(TAX_ZONE).date()
