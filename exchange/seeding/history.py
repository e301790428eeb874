"""A price history for the market: candles from a run of the model up to now.

The model runs from the first day to the last minute. So daily, hourly and minute candles belong to
one path, and the live simulator continues where it ends.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import repeat
from uuid import UUID

import numpy as np
import numpy.typing as npt

from exchange.market import candles
from exchange.market.rules.ticks import Round, Tick, increment_at, on_grid
from exchange.models import Candle, Instrument, Interval, Quote
from exchange.simulator.model.market_model import MarketModel, Path
from exchange.simulator.model.specs import InstrumentSpec

COARSE_STEP = timedelta(minutes=15)
FINE_STEP = timedelta(seconds=15)
# How far back candles of the coarse stretch are kept, if not to its beginning. Candles shorter than
# its step exist for the fine stretch only.
_COARSE_KEPT = {
    Interval.ONE_HOUR: timedelta(days=31),
    Interval.FIFTEEN_MINUTES: timedelta(days=7),
}

PRICE_UNITS = 10**8
ONE_PRICE_UNIT = Decimal("1e-8")  # the precision of a stored price
# Steps of the model between two reports of progress.
_PIECE = 8192

IntArray = npt.NDArray[np.int64]
Report = Callable[[float], None]
"""Called now and then with the progress, from 0 to 1."""


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
        """The round of quotes at the last coarse step before `at`."""
        index = min(int((at - self.start) / COARSE_STEP) - 1, len(self.coarse.times) - 1)
        ticks = tuple(
            _tick(spec, float(price), float(volume))
            for spec, price, volume in zip(
                self.specs, self.coarse.prices[index], self.coarse.volumes[index], strict=True
            )
        )
        return Round(self.coarse.times[index], ticks)

    def last_round(self, without: Collection[str] = ()) -> Round:
        """The quotes at the end, of all symbols but those in `without`."""
        ticks = tuple(
            _tick(spec, float(price), 0.0)
            for spec, price in zip(self.specs, self.fine.prices[-1], strict=True)
            if spec.symbol not in without
        )
        return Round(self.end, ticks)


def generate(
    specs: Sequence[InstrumentSpec],
    *,
    seed: int,
    now: datetime,
    days: int,
    fine_days: int,
    ending_at: Mapping[str, Decimal] | None = None,
    report: Report = lambda _: None,
) -> History:
    """Run the model over `days` days before today (UTC), the last `fine_days` in fine steps.

    Ends at the last whole fine step before `now`. The paths of the symbols in `ending_at` are
    scaled so that they end at these prices; returns do not change.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start, turn = midnight - timedelta(days=days), midnight - timedelta(days=fine_days)
    model = MarketModel(specs, seed=seed, at=start)
    steps = ((turn - start) // COARSE_STEP, max((now - turn) // FINE_STEP, 1))
    coarse = _walk(model, start, COARSE_STEP, steps[0], lambda done: report(done / sum(steps)))
    fine = _walk(
        model, turn, FINE_STEP, steps[1], lambda done: report((steps[0] + done) / sum(steps))
    )
    if ending_at:
        known = [spec.symbol in ending_at for spec in specs]
        wanted = np.array([float(ending_at.get(spec.symbol, 1)) for spec in specs])
        factors = np.where(known, wanted / fine.prices[-1], 1.0)
        coarse = replace(coarse, prices=coarse.prices * factors)
        fine = replace(fine, prices=fine.prices * factors)
    return History(tuple(specs), coarse, fine, model)


def _walk(model: MarketModel, start: datetime, step: timedelta, steps: int, report: Report) -> Path:
    """A path made in pieces, which give the same as one piece, with a report after each."""
    pieces = []
    for done in range(0, steps, _PIECE):
        pieces.append(model.path(start + done * step, step, min(_PIECE, steps - done)))
        report(done + len(pieces[-1].times))
    return Path(
        symbols=model.symbols,
        times=tuple(time for piece in pieces for time in piece.times),
        prices=np.concatenate([piece.prices for piece in pieces]),
        volumes=np.concatenate([piece.volumes for piece in pieces]),
    )


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


def store(
    history: History, instruments: Mapping[str, Instrument], report: Report = lambda _: None
) -> Iterator[tuple[str, int]]:
    """Write all candles; yields (interval, count) when an interval is done."""
    keys = [instruments[spec.symbol].pk for spec in history.specs]
    folded = [*_folded(history)]
    total, done = sum(len(each.times) for each in folded) * len(keys), 0
    for interval in Interval:
        before = done
        for each in folded:
            if each.interval != interval:
                continue
            for column, key in enumerate(keys):
                done += candles.backfill(each.rows(column, key))
                report(done / total)
        yield interval.value, done - before


def _folded(history: History) -> "Iterator[_Candles]":
    coarse = _on_grid(history.specs, history.coarse)
    fine = _on_grid(history.specs, history.fine, after=coarse.prices[-1:])
    for interval in Interval:
        kept = _COARSE_KEPT.get(interval)
        since = history.start if kept is None else max(history.start, history.end - kept)
        for step, ticks in ((COARSE_STEP, coarse), (FINE_STEP, fine)):
            if step <= candles.LENGTH[interval]:
                yield _fold(ticks, step, interval, since)


@dataclass(frozen=True, slots=True)
class _Ticks:
    """A path as the exchange would have recorded it; integer arrays of shape (steps, symbols).

    `prices` are on each symbol's grid, in 10^-8 dollars; `opening` are those before the first step.
    `units` are the volumes. Candles of all intervals are made from them, and so agree exactly.
    """

    times: tuple[datetime, ...]
    opening: IntArray
    prices: IntArray
    units: IntArray


@dataclass(frozen=True, slots=True)
class _Candles:
    """Candles of one interval, for all symbols; arrays as in `_Ticks`, shape (times, symbols)."""

    interval: Interval
    times: list[datetime]
    prices: tuple[IntArray, ...]
    """Open, high, low, close."""
    units: IntArray

    def rows(self, column: int, key: UUID) -> Iterator[candles.Row]:
        """The candles of one symbol."""
        return map(
            candles.Row,
            repeat(key),
            repeat(self.interval.value),
            self.times,
            *(_dollars(each[:, column]) for each in self.prices),
            self.units[:, column].tolist(),
        )


def _on_grid(
    specs: Sequence[InstrumentSpec], path: Path, *, after: IntArray | None = None
) -> _Ticks:
    """Round a path to the price grids; `after` are the last prices of the path before it."""
    prices = np.empty(path.prices.shape, dtype=np.int64)
    for column, spec in enumerate(specs):
        exact = path.prices[:, column]
        whole, below_a_dollar = (
            int(increment_at(at, spec.price_increment, spec.asset_class) * PRICE_UNITS)
            for at in (1.0, 0.5)
        )
        increments = np.where(exact < 1, below_a_dollar, whole)
        prices[:, column] = np.rint(exact * PRICE_UNITS / increments).astype(np.int64) * increments
    scales = np.array([10**spec.scale for spec in specs], dtype=np.int64)
    opening = prices[:1] if after is None else after
    return _Ticks(path.times, opening, prices, path.volumes.astype(np.int64) * scales)


def _fold(ticks: _Ticks, step: timedelta, interval: Interval, since: datetime) -> _Candles:
    """Candles of the ticks, from `since` on. Each opens at the close of the one before."""
    per_candle = candles.LENGTH[interval] // step
    starts = np.arange(0, len(ticks.times), per_candle)
    closes = ticks.prices[np.minimum(starts + per_candle, len(ticks.times)) - 1]
    opens = np.concatenate([ticks.opening, closes[:-1]])
    highs = np.maximum(np.maximum.reduceat(ticks.prices, starts), opens)
    lows = np.minimum(np.minimum.reduceat(ticks.prices, starts), opens)
    units = np.add.reduceat(ticks.units, starts)
    # A price is that at the end of its step, and belongs to the candle in which the step lies.
    times = [candles.start_of(ticks.times[index] - step, interval) for index in starts]
    first = next((index for index, time in enumerate(times) if time >= since), len(times))
    prices = tuple(each[first:] for each in (opens, highs, lows, closes))
    return _Candles(interval, times[first:], prices, units[first:])


def _dollars(prices: IntArray) -> Iterator[Decimal]:
    return (Decimal(price) * ONE_PRICE_UNIT for price in prices.tolist())


def open_quotes(history: History, instruments: Mapping[str, Instrument]) -> None:
    """A first quote, at the start of the history, for every instrument that has none."""
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
    """Set the quotes' session figures and previous close from the daily candles."""
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
