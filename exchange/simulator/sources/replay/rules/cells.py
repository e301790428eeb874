"""Reading the cells of a file: numbers, dates and times in the forms that sources write. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from banking.rules.assets import EXACT
from exchange.market.rules.calendar import NEW_YORK
from exchange.simulator.sources.replay.rules.refusals import Ambiguous, Unreadable

NOTHING = frozenset({"", "-", "null", "nan", "n/a", "na", "none"})
"""What sources write where they have no figure, in lower case."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds, milliseconds, microseconds and nanoseconds since 1970, distinguished by their size. Each
# begins in 1973, so that row numbers are not taken for times.
_FIRST_TIME = 10**8
_PARTS_OF_A_SECOND = ((10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9))

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_SUFFIXES = {"K": 10**3, "M": 10**6, "B": 10**9}
_PACKED = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+(.+))?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:,?[ T]+(.+))?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?: ?([AaPp])\.?[Mm]\.?)?")
_WORDY = ("%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d %b %Y")
# Far longer than any time. Over a long run of spaces the forms take its length to the power of two.
_LONGEST = 100
_MONTHS = 12
_YEARS = (1800, 2200)


def number(text: str, *, thousands: bool = True) -> Decimal:
    """A number, with or without a dollar sign and commas between thousands.

    Without `thousands` a comma must be a decimal comma, which is refused. Raises Unreadable for
    that, and for all that is not a number.
    """
    try:
        return Decimal(text)  # nearly all cells are plain numbers
    except InvalidOperation:
        bare = text.strip().replace("$", "")
    if "," in bare:
        if not thousands or not _THOUSANDS.fullmatch(bare):
            raise Unreadable(f"{text[:20]} has a comma; decimals are written with a point")
        bare = bare.replace(",", "")
    try:
        return Decimal(bare)
    except InvalidOperation:
        raise Unreadable(f"{text[:20]!r} is no number") from None


def volume(text: str, *, thousands: bool = True) -> Decimal | None:
    """A volume, which may be written as 37.8M; None for an empty cell."""
    bare = text.strip()
    if bare.lower() in NOTHING:
        return None
    factor = _SUFFIXES.get(bare[-1].upper())
    if factor is None:
        return number(bare, thousands=thousands)
    try:
        return EXACT.multiply(number(bare[:-1], thousands=thousands), factor)
    except ArithmeticError:
        raise Unreadable(f"{text[:20]!r} is no number") from None


def is_number(text: str) -> bool:
    try:
        number(text)
    except Unreadable:
        return False
    return True


def is_clock(text: str) -> bool:
    """Whether this is a time of day, such as 09:30 or 093000."""
    text = text.strip()
    return bool(_CLOCK.fullmatch(text)) or (text.isdigit() and len(text) <= len("093000"))


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a row. `day` is its local date where it traded: as written, or in New York."""

    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class TimeReader:
    """Reads times: with `date_format` (of strptime) if given, else in any known form.

    `day_first` says whether 4/1/2015 is in January; None means unknown. A time without a zone is in
    UTC.
    """

    date_format: str | None = None
    day_first: bool | None = None

    def read(self, text: str, clock: str = "") -> Moment:
        """`clock` is the time of day, if another cell has it. Raises Unreadable for no time."""
        text = text.strip()
        clock = clock.strip()
        if len(text) + len(clock) > _LONGEST:
            raise Unreadable(f"{text[:20]!r} is too long for a time")
        if clock.isdigit():
            clock = _with_colons(clock)
        try:
            return self._read(f"{text} {clock}".strip())
        except (ValueError, OverflowError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(
                f"{f'{text} {clock}'.strip()[:40]!r} is no time that is known: --date-format says "
                "how to read it, as in %d.%m.%y"
            ) from None

    def _read(self, text: str) -> Moment:
        if self.date_format is not None:
            return _moment(datetime.strptime(text, self.date_format))  # noqa: DTZ007 - UTC if naive
        for form in (_packed, _since_1970, self._year_last, _year_first, _wordy):
            found = form(text.removesuffix(" UTC"))
            if found is not None:
                return _moment(found)
        return _moment(datetime.fromisoformat(text.removesuffix(" UTC")))

    def _year_last(self, text: str) -> datetime | None:
        """4/1/2015, 4-1-2015 and 1.4.2015, where dots always mean that the day is first."""
        found = _YEAR_LAST.fullmatch(text)
        if found is None:
            return None
        first, between, second, year, clock = found.groups()
        day_first = True if between == "." else self.day_first
        if day_first is None:
            raise Ambiguous(
                f"{first}{between}{second}{between}{year} may have its day or its month first: "
                "say which, --date-format %d/%m/%Y or --date-format %m/%d/%Y"
            )
        day, month = (first, second) if day_first else (second, first)
        return _at(date(int(year), int(month), int(day)), clock)


def _packed(text: str) -> datetime | None:
    """20260302093000."""
    if text.isdigit() and len(text) in _PACKED and text.startswith(("19", "20")):
        return datetime.strptime(text, _PACKED[len(text)])  # noqa: DTZ007 - in UTC
    return None


def _since_1970(text: str) -> datetime | None:
    """A number, except one like 20260302, which is a date in ISO 8601."""
    if text.isdigit() and len(text) == len("20260302"):
        return None
    try:
        amount = number(text)
    except Unreadable:
        return None
    for limit, parts in _PARTS_OF_A_SECOND:
        if amount.is_finite() and _FIRST_TIME <= amount < limit:
            return _EPOCH + timedelta(microseconds=int(amount * 10**6 / parts))
    raise ValueError(text)


def _year_first(text: str) -> datetime | None:
    """2026.3.2 and 2026-03-02 9:30."""
    found = _YEAR_FIRST.fullmatch(text)
    if found is None:
        return None
    year, month, day, clock = found.groups()
    if clock is not None and not _CLOCK.fullmatch(clock):
        return None
    return _at(date(int(year), int(month), int(day)), clock)


def _wordy(text: str) -> datetime | None:
    """Mar 02, 2026."""
    for form in _WORDY:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - in UTC
        except ValueError:
            continue
    return None


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether dates like 4/1/2015 have the day first, from one that is unambiguous; else None."""
    for text in texts:
        bare = text.strip()
        found = _YEAR_LAST.fullmatch(bare) if len(bare) <= _LONGEST else None
        if found is None:
            continue
        first, second = int(found[1]), int(found[3])
        if first > _MONTHS or second > _MONTHS:
            return first > _MONTHS
    return None


def _at(day: date, clock: str | None) -> datetime:
    if not clock:
        return datetime.combine(day, time())
    found = _CLOCK.fullmatch(clock.strip())
    if found is None:
        raise ValueError(clock)
    hour, minute, second, fraction, half = found.groups()
    hours = int(hour)
    if half is not None:
        hours = hours % 12 + (12 if half in "pP" else 0)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    return datetime.combine(day, time(hours, int(minute), int(second or 0), micros))


def _with_colons(clock: str) -> str:
    """093000 or 93000 as 09:30:00, 0930 as 09:30."""
    padded = clock.zfill(4 if len(clock) <= len("0930") else 6)
    return ":".join(padded[place : place + 2] for place in range(0, len(padded), 2))


def _moment(at: datetime) -> Moment:
    if not _YEARS[0] <= at.year <= _YEARS[1]:
        raise ValueError(at)
    if at.tzinfo is None:
        return Moment(at.replace(tzinfo=UTC), at.date())
    return Moment(at.astimezone(UTC), at.astimezone(NEW_YORK).date())
