"""Prices as they were known at past times, one series for each instrument, by symbol.

A candle's close is known when the candle ends. Prices are integers, of `rules.grids.PRICE_UNIT`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from be.database import statements
from be.database.statements import Row
from exchange.market import candles
from exchange.models import Instrument, Interval
from portfolio import daily, instants
from portfolio.daily import Stored
from portfolio.daily_rows import DAY
from portfolio.instants import instant, instant_sql, microseconds, since_sql
from portfolio.periods import Steps
from portfolio.rules import grids
from portfolio.rules.grids import Series

Observations = dict[str, list[Series]]
"""By symbol, for `grids.merged`: at equal times those of the last series count."""

_COARSER = {
    Interval.FIVE_MINUTES: (Interval.ONE_DAY, Interval.ONE_HOUR),
    Interval.ONE_HOUR: (Interval.ONE_DAY,),
    Interval.ONE_DAY: (),
}


def closes(
    *,
    symbols: Sequence[str],
    interval: Interval,
    start: datetime,
    end: datetime,
) -> Observations:
    """Closes that were known from `start` to `end`.

    Each series begins with the newest close from before `start`, if there is any. There is one for
    each of the coarser candles too, down to daily ones, which are kept for ever. Without them, the
    price of an owner's trade after the last fine candle would count longer in one series than in
    another.
    """
    found: Observations = defaultdict(list)
    if not symbols:
        return found
    condition, values = statements.is_in("instrument.symbol", [*symbols])
    for each in (*_COARSER[interval], interval):
        length = candles.LENGTH[each]
        rows = statements.query(
            f"SELECT instrument.symbol, {instants.list_sql(instant_sql('candle.time'))}, "
            f"{instants.list_sql(instants.price_sql('candle.close'))} "
            "FROM exchange_instrument instrument "
            "JOIN exchange_candle candle ON candle.instrument_id = instrument.id "
            "AND candle.interval = %s AND candle.time <= %s AND candle.time >= coalesce("
            "(SELECT max(earlier.time) FROM exchange_candle earlier WHERE "
            "earlier.instrument_id = instrument.id AND earlier.interval = %s "
            f"AND earlier.time <= %s), %s) WHERE {condition} GROUP BY instrument.symbol",
            (each.value, end - length, each.value, start - length, start - length, *values),
        )
        for symbol, began, prices in rows:
            at = instants.numbers(began) + microseconds(length)
            found[symbol].append(Series(at, instants.prices(prices)))
    return found


def quoted(*, instruments: Iterable[Instrument], at: datetime) -> Observations:
    """The present quotes, as of `at`."""
    return {
        each.symbol: [grids.series([instant(at)], [instants.price_units(each.quote.price)])]
        for each in instruments
        if hasattr(each, "quote")
    }


def executed(*, owner_id: UUID, until: datetime, steps: Steps) -> dict[str, Series]:
    """Prices of the owner's own trades, as paid; known even where there is no candle.

    Of several in a step, the newest. Those of past days are stored, as are movements
    (`history.movements`); an execution's id begins with its time, so the others are found by it.
    """
    start, length = instant(steps.start), microseconds(steps.length)

    def values(stored: Stored) -> Row:
        since, first = stored.day * DAY, min(stored.day, start // DAY)
        return (
            *(owner_id, stored.through, since, since, owner_id, first, stored.day),
            *(first, owner_id, owner_id, until, start, length),
        )

    day = daily.NEVER if length == DAY else start // DAY
    rows = daily.read(_executed_sql(), values, owner_id=owner_id, until=until, day=day)
    return {
        symbol: Series(instants.numbers(at), instants.prices(prices)) for symbol, at, prices in rows
    }


@cache
def _executed_sql() -> str:
    """The newest of each step: of the stored ones of past days, and of all trades since `origin`.

    Of the days before the first step, only the newest of each asset is read.

    Since then are all that are not stored, and more: it does no harm to find a trade twice.
    """
    return (
        "WITH newest AS (SELECT "
        f"{instant_sql('min(created_at)')} AS at FROM banking_posting "
        "WHERE owner_id = %s AND id > %s), origin AS (SELECT CASE WHEN at < %s THEN at "
        "ELSE CAST(%s AS bigint) END AS at FROM newest), "
        "trades AS (SELECT asset AS symbol, price, price_at AS at, price_id AS id "
        "FROM portfolio_dailymovement WHERE owner_id = %s AND day >= %s AND day < %s "
        "AND price IS NOT NULL UNION ALL "
        "SELECT earlier.asset, earlier.price, earlier.price_at, earlier.price_id "
        "FROM banking_ledgeraccount account JOIN portfolio_dailymovement earlier "
        "ON earlier.owner_id = account.owner_id AND earlier.asset = account.asset "
        "AND earlier.day = (SELECT max(stored.day) FROM portfolio_dailymovement stored "
        "WHERE stored.owner_id = account.owner_id AND stored.asset = account.asset "
        "AND stored.price IS NOT NULL AND stored.day < %s) WHERE account.owner_id = %s UNION ALL "
        f"SELECT instrument.symbol, execution.price, {instant_sql('execution.executed_at')}, "
        "execution.id FROM exchange_execution execution "
        "JOIN exchange_order placed ON placed.id = execution.order_id "
        "JOIN exchange_instrument instrument ON instrument.id = placed.instrument_id "
        "WHERE execution.owner_id = %s AND "
        f"{since_sql('execution.id', '(SELECT at FROM origin)')} AND execution.executed_at <= %s) "
        f"SELECT symbol, {instants.list_sql('at')}, "
        f"{instants.list_sql(instants.price_sql('price'))} "
        "FROM (SELECT symbol, price, at, row_number() OVER (PARTITION BY symbol, "
        "CASE WHEN at > %s THEN (at - 1) / CAST(%s AS bigint) END ORDER BY at DESC, id DESC) "
        "AS place FROM trades) AS placed WHERE place = 1 GROUP BY symbol"
    )


def merged(first: Observations, second: Observations) -> Observations:
    """Both; at equal times those of `second` count."""
    return {
        symbol: [*first.get(symbol, ()), *second.get(symbol, ())] for symbol in {*first, *second}
    }
