"""The lot method that a customer has chosen, the days on which it has changed, and fees in costs.

Lots are stored under the name of a version of these methods, and under another if costs leave fees
out (`lot_rows.name`). So whoever still folds by earlier ones stores what nobody reads any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from be.database import statements
from be.database.rows import as_json
from exchange.models import Entitlement, Execution, Side
from portfolio import lot_rows
from portfolio.instants import instant
from portfolio.models import PortfolioSettings
from portfolio.rules import lot_methods
from portfolio.rules.lot_methods import Matching, MethodChange, MethodHistory
from portfolio.rules.lots import TAX_ZONE, LotMethod


@dataclass(frozen=True, slots=True)
class LotSettings:
    """The method in force, and all changes that led to it, the earliest first.

    Without `fees_in_cost`, fees are in no cost and no proceeds, over the whole history.
    """

    lot_method: LotMethod
    changes: Sequence[MethodChange]
    fees_in_cost: bool


def matching(owner_id: UUID, lot_method: LotMethod | None = None) -> Matching:
    """By what the owner's sales are matched: the method that is asked for, or the owner's own."""
    return chosen(owner_id)[0] if lot_method is None else lot_method


def chosen(owner_id: UUID) -> tuple[Matching, bool]:
    """By what the owner's sales are matched, and whether fees are in costs and proceeds."""
    rows = statements.query(
        "SELECT version, lot_methods, fees_in_cost FROM portfolio_portfoliosettings "
        "WHERE owner_id = %s",
        (owner_id,),
    )
    if not rows:
        return lot_methods.USUAL, True
    version, methods, fees_in_cost = rows[0]
    return _matching(version, methods), bool(fees_in_cost)


def _matching(version: int, stored: Any) -> Matching:
    changes = _changes(stored)
    return MethodHistory(f"{lot_methods.OWN}{version}", changes) if changes else lot_methods.USUAL


def _changes(stored: Any) -> list[MethodChange]:
    return [MethodChange(date.fromisoformat(day), LotMethod(name)) for day, name in as_json(stored)]


def read(*, owner_id: UUID, now: datetime) -> LotSettings:
    """The owner's settings; those of somebody who has set nothing are the usual ones."""
    row = PortfolioSettings.objects.filter(owner=owner_id).first()
    return _shown(row or PortfolioSettings(), now)


def _shown(row: PortfolioSettings, now: datetime) -> LotSettings:
    changes, today = _changes(row.lot_methods), _day(now)
    in_force = [each.method for each in changes if each.day <= today]
    method = in_force[-1] if in_force else lot_methods.USUAL
    return LotSettings(method, changes, row.fees_in_cost)


@transaction.atomic
def change(
    *,
    owner_id: UUID,
    lot_method: LotMethod | None = None,
    fees_in_cost: bool | None = None,
    now: datetime,
) -> LotSettings:
    """Change what is given, and leave the rest as it is.

    Another method matches the owner's sales from this day on, or from tomorrow if something was
    sold today, so that no sale is ever matched anew. Fees are in costs, or not, over the whole
    history. What was stored by earlier settings is removed: the next read folds it again.
    """
    PortfolioSettings.objects.get_or_create(owner_id=owner_id)
    row = PortfolioSettings.objects.select_for_update().get(owner=owner_id)
    if lot_method is not None:
        _change_method(row, lot_method, _first_day(owner_id, now))
    if fees_in_cost is not None and fees_in_cost != row.fees_in_cost:
        row.fees_in_cost = fees_in_cost
        row.save()
        lot_rows.remove(owner_id)
    return _shown(row, now)


def _change_method(row: PortfolioSettings, method: LotMethod, day: date) -> None:
    before = _changes(row.lot_methods)
    changes = lot_methods.changed(before, method=method, day=day)
    if changes != before:
        row.lot_methods = [(each.day.isoformat(), each.method.value) for each in changes]
        row.version += 1
        row.save()
        lot_rows.remove_own(row.owner_id)


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
