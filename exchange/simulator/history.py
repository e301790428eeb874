"""A past for the market: candles that the model might have left behind, up to now.

The model is run from the first day to the last minute, so that daily, hourly and minute candles
belong to one path and the live simulator goes on from where it ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import repeat

import numpy as np
import numpy.typing as npt

from exchange.market import candles
from exchange.market.ticks import Round, Tick, increment_at, on_grid
from exchange.models import Candle, Instrument, Interval, Quote
from exchange.simulator.model import MarketModel, Path
from exchange.simulator.universe import InstrumentSpec

COARSE_STEP = timedelta(minutes=15)
FINE_STEP = timedelta(seconds=15)
# How far back candles of the coarse stretch are kept; finer ones exist for the fine stretch only.
_COARSE_KEPT = {
    Interval.ONE_DAY: timedelta(days=3660),
    Interval.ONE_HOUR: timedelta(days=31),
    Interval.FIFTEEN_MINUTES: timedelta(days=7),
}

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class History:
    """Two stretches of one path: coarse steps for the long past, fine ones for the last days."""

    specs: tuple[InstrumentSpec, ...]
    coarse: Path
    fine: Path
    model: MarketModel

    @property
    def start(self) -> datetime:
        return self.coarse.times[0] - COARSE_STEP

    @property
    def end(self) -> datetime:
        return self.fine.times[-1]

    def round_at(self, at: datetime) -> Round:
        """A round of quotes as they stood then, at the nearest coarse step before."""
        index = min(int((at - self.start) / COARSE_STEP) - 1, len(self.coarse.times) - 1)
        ticks = tuple(
            _tick(spec, float(price), float(volume))
            for spec, price, volume in zip(
                self.specs, self.coarse.prices[index], self.coarse.volumes[index], strict=True
            )
        )
        return Round(self.coarse.times[index], ticks)

    def last_round(self) -> Round:
        """The quotes at the end."""
        ticks = tuple(
            _tick(spec, float(price), 0.0)
            for spec, price in zip(self.specs, self.fine.prices[-1], strict=True)
        )
        return Round(self.end, ticks)


def generate(
    specs: Sequence[InstrumentSpec], *, seed: int, now: datetime, days: int, fine_days: int
) -> History:
    """Run the model over `days` days before today (UTC), the last `fine_days` of them finely.

    Ends at the last whole fine step before `now`.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start, turn = midnight - timedelta(days=days), midnight - timedelta(days=fine_days)
    model = MarketModel(specs, seed=seed, at=start)
    coarse = model.path(start, COARSE_STEP, (turn - start) // COARSE_STEP)
    fine = model.path(turn, FINE_STEP, max((now - turn) // FINE_STEP, 1))
    return History(tuple(specs), coarse, fine, model)


def _tick(spec: InstrumentSpec, price: float, volume: float) -> Tick:
    """A quote one increment wide around the path's price."""
    increment = increment_at(price, spec.price_increment, spec.asset_class)
    middle = on_grid(price, increment, ROUND_HALF_EVEN)
    return Tick(
        symbol=spec.symbol,
        price=middle,
        bid=middle,
        ask=middle + increment,
        bid_size=spec.display_size,
        ask_size=spec.display_size,
        volume=Decimal(int(volume)),
    )


def store(history: History, instruments: Mapping[str, Instrument]) -> Iterator[tuple[str, int]]:
    """Write all candles; yields (interval, number) as each kind is done."""
    for interval, kept in _COARSE_KEPT.items():
        since = max(history.start, history.end - kept)
        coarse = _rows(history, history.coarse, COARSE_STEP, interval, instruments, since)
        fine = _rows(history, history.fine, FINE_STEP, interval, instruments, since)
        yield interval.value, candles.backfill(coarse) + candles.backfill(fine)
    for interval in (Interval.FIVE_MINUTES, Interval.ONE_MINUTE):
        fine = _rows(history, history.fine, FINE_STEP, interval, instruments, history.start)
        yield interval.value, candles.backfill(fine)


def _rows(
    history: History,
    path: Path,
    step: timedelta,
    interval: Interval,
    instruments: Mapping[str, Instrument],
    since: datetime,
) -> list[candles.Row]:
    """Fold a path into candles, those from `since` on. Each opens where the one before closed."""
    per_candle = candles.LENGTH[interval] // step
    starts = np.arange(0, len(path.times), per_candle)
    closes = path.prices[np.minimum(starts + per_candle, len(path.times)) - 1]
    before = path.prices[:1] if path is history.coarse else history.coarse.prices[-1:]
    opens = np.vstack([before, closes[:-1]])
    highs = np.maximum(np.maximum.reduceat(path.prices, starts), opens)
    lows = np.minimum(np.minimum.reduceat(path.prices, starts), opens)
    volumes = np.add.reduceat(path.volumes, starts)
    # A price stands at the end of its step and belongs to the candle in which the step lies.
    times = [candles.start_of(path.times[index] - step, interval) for index in starts]
    first = next((index for index, time in enumerate(times) if time >= since), len(times))
    rows: list[candles.Row] = []
    for column, spec in enumerate(history.specs):
        key = instruments[spec.symbol].pk
        prices = [_on_grid(spec, values[first:, column]) for values in (opens, highs, lows, closes)]
        units = (volumes[first:, column].astype(np.int64) * 10**spec.scale).tolist()
        rows += map(candles.Row, repeat(key), repeat(interval.value), times[first:], *prices, units)
    return rows


def _on_grid(spec: InstrumentSpec, prices: FloatArray) -> list[Decimal]:
    """Many prices on the grid that the lowest of them is on."""
    if not len(prices):
        return []
    increment = increment_at(float(prices.min()), spec.price_increment, spec.asset_class)
    counts = np.rint(prices / float(increment)).astype(np.int64)
    return [increment * count for count in counts.tolist()]


def open_quotes(history: History, instruments: Mapping[str, Instrument]) -> None:
    """A first quote for every instrument that has none, as of the history's first moment."""
    have = set(Quote.objects.values_list("instrument__symbol", flat=True))
    first = history.round_at(history.coarse.times[0])
    Quote.objects.bulk_create(
        _first_quote(instruments[tick.symbol], tick, first.at)
        for tick in first.ticks
        if tick.symbol not in have
    )


def _first_quote(instrument: Instrument, tick: Tick, at: datetime) -> Quote:
    return Quote(
        instrument=instrument,
        price=tick.price,
        bid=tick.bid,
        ask=tick.ask,
        bid_size=instrument.asset.units_down(tick.bid_size),
        ask_size=instrument.asset.units_down(tick.ask_size),
        previous_close=tick.price,
        open=tick.price,
        high=tick.price,
        low=tick.price,
        volume=0,
        session_date=at.date(),
        timestamp=at,
        sequence=0,
    )


def settle_session(history: History, instruments: Mapping[str, Instrument]) -> None:
    """Let the quotes show the session that the candles show, and the close before it."""
    today = candles.start_of(history.end, Interval.ONE_DAY)
    yesterday = today - timedelta(days=1)
    for quote in Quote.objects.filter(instrument__in=instruments.values()):
        days = {
            row.time: row
            for row in Candle.objects.filter(
                instrument=quote.instrument_id, interval=Interval.ONE_DAY, time__gte=yesterday
            )
        }
        day, before = days.get(today), days.get(yesterday)
        if day is None or before is None:
            continue
        quote.open, quote.high, quote.low, quote.volume = day.open, day.high, day.low, day.volume
        quote.previous_close = before.close
        quote.save(update_fields=["open", "high", "low", "volume", "previous_close"])
