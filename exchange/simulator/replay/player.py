"""Playing recordings: the ticks of a round at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby, zip_longest
from operator import attrgetter

from exchange.market.ticks import Tick, increment_at, on_grid
from exchange.models import Instrument
from exchange.simulator.replay.files import Recording
from exchange.simulator.replay.layout import BAR
from exchange.simulator.replay.rows import HIGHEST_PRICE, Row

TICKS_PER_BAR = len(BAR)
DISPLAYED_PART = 200
"""What is shown at the best price, of what trades in a bar. Of a trade, all of it is."""
DISPLAYED_DOLLARS = Decimal(50_000)
"""What is shown where the file does not say how much has traded."""


@dataclass(slots=True)
class Replay:
    """Recordings as a row of frames: the ticks of one round each. A bar takes four rounds.

    All rows of one moment play in the same rounds, whatever their files. Prices of a symbol are
    multiplied by its `scale`, if it has one.
    """

    recordings: Sequence[Recording]
    instruments: Mapping[str, Instrument]
    scale: Mapping[str, Decimal] = field(default_factory=dict)
    playing: Counter[str] = field(default_factory=Counter)
    """The frames that are left of each symbol."""

    _frames: Iterator[Sequence[Tick]] = field(init=False)

    def __post_init__(self) -> None:
        rows = [row for recording in self.recordings for row in recording.rows]
        for row in rows:
            self.playing[row.symbol] += len(row.prices)
        self._frames = self._play(sorted(rows, key=attrgetter("at")))

    def next(self) -> Sequence[Tick]:
        """The ticks of the next round; none when all has been played."""
        frame = next(self._frames, ())
        self.playing.subtract(tick.symbol for tick in frame)
        return frame

    def is_driven(self, symbol: str) -> bool:
        """Whether the symbol has ticks to come, and so no others meanwhile."""
        return self.playing[symbol] > 0

    @property
    def is_over(self) -> bool:
        return not any(self.playing.values())

    def _factor(self, row: Row) -> Decimal:
        return self.scale.get(row.symbol, Decimal(1))

    def _play(self, rows: Iterable[Row]) -> Iterator[Sequence[Tick]]:
        for _, moment in groupby(rows, key=attrgetter("at")):
            # One row for a symbol: of two files that both have it, the later row waits.
            waiting = list(moment)
            while waiting:
                playing = list({row.symbol: row for row in reversed(waiting)}.values())[::-1]
                ticks = [
                    _ticks(self.instruments[row.symbol], row, self._factor(row)) for row in playing
                ]
                for round_ in zip_longest(*ticks):
                    yield [tick for tick in round_ if tick is not None]
                waiting = [row for row in waiting if row not in playing]


def scale_to(recordings: Sequence[Recording], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The factors with which each symbol's first price is the one given."""
    rows = sorted((row for each in recordings for row in each.rows), key=attrgetter("at"))
    first = {row.symbol: row.prices[0] for row in reversed(rows)}
    return {symbol: prices[symbol] / first[symbol] for symbol in first if symbol in prices}


def _ticks(instrument: Instrument, row: Row, factor: Decimal) -> list[Tick]:
    """The bid is the row's price, the ask one increment above.

    Inside a bar the price goes from each of them to the next through all between: orders that wait
    on its way are met there. Where a bar begins it jumps.
    """
    shown = _shown(instrument, row, factor)
    traded = _on_step(instrument, (row.volume or Decimal(0)) / len(row.prices))
    quoted = [_quoted(instrument, price * factor) for price in row.prices]
    bids = [bid for bid, _ in quoted]
    return [
        Tick(
            instrument.symbol,
            *(bid, bid, bid + increment),
            *(shown, shown),
            volume=traded,
            came_from=bids[number - 1] if number else None,
            low_ahead=min(bids[number + 1 :], default=None) if number else None,
        )
        for number, (bid, increment) in enumerate(quoted)
    ]


def _shown(instrument: Instrument, row: Row, factor: Decimal) -> Decimal:
    """What is offered at the best price, at least one increment.

    Where nothing has traded, or nobody knows, as much is offered as usual.
    """
    if not row.volume:
        shown = DISPLAYED_DOLLARS * instrument.price_divisor / (row.prices[0] * factor)
    else:
        shown = row.volume / DISPLAYED_PART if row.is_bar else row.volume
    return max(_on_step(instrument, shown), instrument.quantity_increment)


def _on_step(instrument: Instrument, quantity: Decimal) -> Decimal:
    return on_grid(quantity, instrument.quantity_increment, "ROUND_FLOOR")


def _quoted(instrument: Instrument, price: Decimal) -> tuple[Decimal, Decimal]:
    """A price on its grid, and the grid's increment there."""
    price = min(price, HIGHEST_PRICE)
    usual = instrument.price_increment.normalize()  # the database pads it to eight decimals
    increment = increment_at(price, usual, instrument.asset_class)
    return max(on_grid(price, increment, "ROUND_HALF_EVEN"), increment), increment
