"""Pages of candles as JSON text: one text a candle, without an object for each.

PostgreSQL makes the text itself, of its exact numbers, and joins it. In SQLite numbers are floats,
so there Python makes it; `text_of` is the definition of both.
"""

from datetime import datetime
from typing import NamedTuple

from be.database import statements
from be.kernel.formats import decimals, plain_units, price_text, time_text
from exchange.market import candles
from exchange.market.candles import Bar
from exchange.models import Instrument, Interval


class Page(NamedTuple):
    """JSON texts of candles with commas between, oldest first.

    `following` is the time of the candle after them: of pages that have a start, if there is one.
    """

    candles: str
    following: str | None


def read(
    instrument: Instrument,
    interval: Interval,
    *,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> Page:
    """Up to `limit` candles: from `start` on, or else the newest before `end`."""
    if statements.is_postgresql():
        return _made_by_postgresql(instrument, interval, start, end, limit)
    # One more than the limit, to know whether there is another page.
    more = limit if start is None else limit + 1
    bars = candles.read(instrument, interval, start=start, end=end, limit=more)
    text = ",".join([text_of(instrument, bar) for bar in bars[:limit]])
    return Page(text, time_text(bars[limit].time) if len(bars) > limit else None)


def text_of(instrument: Instrument, bar: Bar) -> str:
    """A candle in JSON: prices have at least the decimals of the increment, volume is plain."""
    increment = instrument.price_increment
    return (
        f'{{"time":"{time_text(bar.time)}",'
        f'"open":"{price_text(bar.open, increment)}",'
        f'"high":"{price_text(bar.high, increment)}",'
        f'"low":"{price_text(bar.low, increment)}",'
        f'"close":"{price_text(bar.close, increment)}",'
        f'"volume":"{plain_units(bar.volume, instrument.scale)}"}}'
    )


_TIME = "to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
_PRICES = ", ".join(
    f"""'","{name}":"', round({name}, greatest(%s, min_scale({name})))"""
    for name in ("open", "high", "low", "close")
)
_VOLUME = """'","volume":"', trim_scale(volume * %s), '"}'"""
# `text_of` in SQL: its parameters are the increment's decimals, four times, and the unit.
_TEXT = f"""concat('{{"time":"', {_TIME}, {_PRICES}, {_VOLUME})"""
_BARS = f"(SELECT {', '.join(Bar._fields)} {{found}}) AS bar"
_NEWEST = (
    "SELECT coalesce(string_agg(text, ',' ORDER BY time), ''), NULL "  # noqa: S608
    f"FROM (SELECT time, {_TEXT} AS text FROM {_BARS}) AS page"
)
_FROM_START = (
    "SELECT coalesce(string_agg(text, ',' ORDER BY time) FILTER (WHERE number <= %s), ''), "  # noqa: S608
    f"max({_TIME}) FILTER (WHERE number > %s) "
    f"FROM (SELECT time, row_number() OVER (ORDER BY time) AS number, {_TEXT} AS text "
    f"FROM {_BARS}) AS page"
)


def _made_by_postgresql(
    instrument: Instrument,
    interval: Interval,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> Page:
    more = limit if start is None else limit + 1
    found, where = candles.selection(instrument, interval, start=start, end=end, limit=more)
    places = decimals(instrument.price_increment)
    numbers = (places, places, places, places, instrument.asset.amount(1))
    bounds = () if start is None else (limit, limit)
    sql = (_NEWEST if start is None else _FROM_START).replace("{found}", found)
    [(text, following)] = statements.query(sql, (*bounds, *numbers, *where))
    return Page(text, following)
