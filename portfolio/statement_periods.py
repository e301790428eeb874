"""The months and years that account statements are of, in UTC.

What is booked after the midnight that begins a period, and up to and at the one that ends it, is
the period's: as equity at a midnight includes what was booked at it.
"""

import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta

from be.kernel.refusals import NotFound

SETTLING = timedelta(hours=6)
"""How long after its end a period is preliminary.

A request that came before its end may be booked yet. And the lot method may be changed as long as
the day lasts in New York.
"""

_DECEMBER = 12
_NAME = re.compile(r"([1-9][0-9]{3})(?:-(0[1-9]|1[0-2]))?", re.ASCII)
# Each ends with a midnight of the year after it.
_LAST_YEAR = MAXYEAR - 1


class UnknownPeriod(NotFound):
    """Neither a month nor a year."""

    code = "unknown_period"
    title = "Unknown period"


class PeriodNotBegun(NotFound):
    """The period lies in the future."""

    code = "period_not_begun"
    title = "The period has not begun"


class BeforeAccountOpened(NotFound):
    """The period ended before anything was booked for the user."""

    code = "before_account_opened"
    title = "The account was opened later"


@dataclass(frozen=True, slots=True)
class StatementPeriod:
    """A calendar month, or a calendar year if `month` is None."""

    year: int
    month: int | None = None

    @property
    def id(self) -> str:
        """As 2026-10 or 2026."""
        return f"{self.year}" if self.month is None else f"{self.year}-{self.month:02}"

    @property
    def type(self) -> str:
        return "year" if self.month is None else "month"

    @property
    def pk(self) -> int:
        """The order of the list: by end, a year after its December."""
        return self.year * 100 + (self.month or _DECEMBER + 1)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month or 1, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The midnight that ends it: the first moment of the next."""
        years, month = divmod(self.month or _DECEMBER, _DECEMBER)
        return datetime(self.year + years, month + 1, 1, tzinfo=UTC)

    def is_preliminary(self, now: datetime) -> bool:
        """Whether something may yet be booked in it."""
        return now < self.end + SETTLING


def find(name: str, *, opened_at: datetime | None, now: datetime) -> StatementPeriod:
    """The period of this name, for an account that was opened then (None: not yet).

    Raises UnknownPeriod, PeriodNotBegun and BeforeAccountOpened.
    """
    match = _NAME.fullmatch(name)
    if match is None or int(match[1]) > _LAST_YEAR:
        raise UnknownPeriod("Name a month or a year, such as 2026-10 or 2026.")
    period = StatementPeriod(int(match[1]), None if match[2] is None else int(match[2]))
    if period.start > now:
        raise PeriodNotBegun(f"{period.id} has not begun; statements/ lists what there is.")
    if opened_at is None:
        raise BeforeAccountOpened("Nothing was ever booked in this account.")
    if period.end < opened_at:
        raise BeforeAccountOpened(
            f"The account was opened in {opened_at:%Y-%m}; statements/ lists what there is."
        )
    return period


def since(opened_at: datetime | None, *, now: datetime) -> list[StatementPeriod]:
    """All periods that have begun since an account was opened, newest first."""
    if opened_at is None:
        return []
    years = range(opened_at.year, now.year + 1)
    named = [
        StatementPeriod(year, month) for year in years for month in (*range(1, _DECEMBER + 1), None)
    ]
    return [each for each in reversed(named) if each.start <= now and each.end >= opened_at]
