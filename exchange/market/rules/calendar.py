"""Trading sessions, settlement dates of bond trades, and payment days of cash.

Stocks and ETFs have the trading hours of the stock exchange, bonds those of the bond market; the
holidays of each are in `holidays.py`. Closures that no rule foresees are passed in as `Closures`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from banking.rules import business_days
from exchange.market.rules import holidays

NEW_YORK = business_days.NEW_YORK

Closures = Mapping[date, time | None]
"""Days without a session (None), or with an early close at this New York time."""

NO_CLOSURES: Closures = {}

_SATURDAY = 5
_DAY = timedelta(days=1)
# No exchange is closed for longer. A search for a session that goes further is an error.
_LONGEST_CLOSURE = 366


@dataclass(frozen=True, slots=True)
class TradingHours:
    """When a market trades: its hours in New York, and its holidays and early closes by year."""

    opens: time
    closes: time
    holidays: Callable[[int], frozenset[date]]
    early_closes: Callable[[int], Mapping[date, time]]


STOCKS = TradingHours(
    time(9, 30), time(16), holidays.of_exchange, holidays.early_closes_of_exchange
)
"""The New York Stock Exchange, for stocks and ETFs."""

BONDS = TradingHours(time(7), time(17, 30), holidays.of_bonds, holidays.early_closes_of_bonds)
"""The US bond market, which is one of dealers."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: open from `opens_at` until just before `closes_at`, both in UTC."""

    day: date
    opens_at: datetime
    closes_at: datetime


def session_on(
    day: date, closures: Closures = NO_CLOSURES, *, hours: TradingHours = STOCKS
) -> Session | None:
    """The session of a day; None if there is none."""
    if not is_business_day(day, hours=hours):
        return None
    closing = hours.early_closes(day.year).get(day, hours.closes)
    if day in closures:
        early = closures[day]
        if early is None or early <= hours.opens:
            return None
        closing = min(closing, early)
    return Session(day, _moment(day, hours.opens), _moment(day, closing))


def current_or_next_session(
    at: datetime, closures: Closures = NO_CLOSURES, *, hours: TradingHours = STOCKS
) -> Session:
    """The session that is open at the aware moment `at`, or else the first one after it.

    Raises LookupError when the closures leave no session for a year.
    """
    day = at.astimezone(NEW_YORK).date()
    for _ in range(_LONGEST_CLOSURE):
        session = session_on(day, closures, hours=hours)
        if session is not None and at < session.closes_at:
            return session
        day += _DAY
    raise LookupError(f"no session in the year after {at:%Y-%m-%d}")


def is_open(
    at: datetime, closures: Closures = NO_CLOSURES, *, hours: TradingHours = STOCKS
) -> bool:
    """Whether the market trades at the aware moment `at`."""
    session = session_on(at.astimezone(NEW_YORK).date(), closures, hours=hours)
    return session is not None and session.opens_at <= at < session.closes_at


def is_business_day(day: date, *, hours: TradingHours = STOCKS) -> bool:
    """Whether `day` is a Monday to Friday and no holiday of the market."""
    return _is_working_day(day, hours.holidays)


def start_of_day(day: date) -> datetime:
    """The midnight, in New York, with which the day begins."""
    return datetime.combine(day, time.min, tzinfo=NEW_YORK)


def settlement_date(at: datetime) -> date:
    """When a bond trade made at the aware moment `at` settles: T+1, T being the day in New York."""
    return settlement_day_after(at.astimezone(NEW_YORK).date())


@lru_cache(maxsize=4096)
def settlement_day_after(day: date) -> date:
    """The first day strictly after `day` on which bond trades settle."""
    following = day + _DAY
    while not _is_working_day(following, holidays.of_settlement):
        following += _DAY
    return following


def settles_from(day: date) -> date:
    """The first day whose bond trades settle on `day` or later."""
    first = day
    while settlement_day_after(first - _DAY) >= day:
        first -= _DAY
    return first


def payment_day(day: date) -> date:
    """When what falls due on `day` is paid: on it, or on the next day on which Fedwire is open."""
    return business_days.on_or_after(day)


def _is_working_day(day: date, closed: Callable[[int], frozenset[date]]) -> bool:
    return day.weekday() < _SATURDAY and day not in closed(day.year)


def _moment(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=NEW_YORK).astimezone(UTC)
