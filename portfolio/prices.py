"""Prices as they were known at past times, one series for each instrument, by symbol.

A candle's close is known when the candle ends.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import OuterRef, Subquery

from exchange.market import candles
from exchange.models import Candle, Execution, Instrument, Interval
from portfolio import splits

Observation = tuple[datetime, Decimal]
Observations = dict[str, list[Observation]]

_Row = tuple[str, datetime, Decimal]

_COARSER = {
    Interval.FIVE_MINUTES: (Interval.ONE_DAY, Interval.ONE_HOUR),
    Interval.ONE_HOUR: (Interval.ONE_DAY,),
    Interval.ONE_DAY: (),
}


def closes(
    *,
    instruments: Collection[Instrument],
    interval: Interval,
    start: datetime,
    end: datetime,
) -> Observations:
    """Closes that were known from `start` to `end`, in order of time.

    Each series begins with the newest close from before `start`, if there is any. It includes the
    closes of coarser candles down to daily ones, which are kept for ever. Without them, the price
    of an owner's trade after the last fine candle would count longer in one series than in another.
    """
    ids = [instrument.pk for instrument in instruments]
    return _in_order(
        row
        for each in (*_COARSER[interval], interval)
        for row in (*_newest_before(start, ids, each), *_closes(start, end, ids, each))
    )


def quoted(*, instruments: Iterable[Instrument], at: datetime) -> Observations:
    """The present quotes, as of `at`."""
    rows = ((each.symbol, at, each.quote.price) for each in instruments if hasattr(each, "quote"))
    return _in_order(rows)


def executed(*, owner_id: UUID, until: datetime, past_splits: splits.Splits) -> Observations:
    """Prices of the owner's own trades, in today's shares; known even where there is no candle."""
    rows = Execution.objects.filter(owner_id=owner_id, executed_at__lte=until).values_list(
        "order__instrument__symbol", "executed_at", "price"
    )
    return _in_order(
        (symbol, at, splits.price_today(price, at, past_splits.get(symbol, ())))
        for symbol, at, price in rows
    )


def merged(first: Observations, second: Observations) -> Observations:
    """Both, in order of time; at equal times those of `second` come last, and so count."""
    return _in_order(
        (symbol, at, price)
        for series in (first, second)
        for symbol, observations in series.items()
        for at, price in observations
    )


def _in_order(rows: Iterable[_Row]) -> Observations:
    series: Observations = defaultdict(list)
    for symbol, at, price in rows:
        series[symbol].append((at, price))
    for observations in series.values():
        observations.sort(key=lambda observation: observation[0])
    return series


def _newest_before(start: datetime, ids: list[UUID], interval: Interval) -> Iterator[_Row]:
    length = candles.LENGTH[interval]
    ended = Candle.objects.filter(
        instrument=OuterRef("pk"), interval=interval, time__lte=start - length
    ).order_by("-time")
    rows = (
        Instrument.objects.filter(pk__in=ids)
        .annotate(
            began=Subquery(ended.values("time")[:1]), close=Subquery(ended.values("close")[:1])
        )
        .filter(began__isnull=False)
        .values_list("symbol", "began", "close")
    )
    return ((symbol, began + length, close) for symbol, began, close in rows)


def _closes(start: datetime, end: datetime, ids: list[UUID], interval: Interval) -> Iterator[_Row]:
    length = candles.LENGTH[interval]
    rows = Candle.objects.filter(
        instrument_id__in=ids,
        interval=interval,
        time__gt=start - length,
        time__lte=end - length,
    ).values_list("instrument__symbol", "time", "close")
    return ((symbol, began + length, close) for symbol, began, close in rows)
