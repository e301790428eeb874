"""Playing recordings: the ticks of one round at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from operator import attrgetter

from exchange.market.rules.ticks import Tick, increment_at, on_grid
from exchange.models import Instrument
from exchange.simulator.sources.replay.files import Recording
from exchange.simulator.sources.replay.rows import HIGHEST_PRICE, MOST_UNITS, Row
from exchange.simulator.sources.replay.rules.layout import BAR

TICKS_PER_BAR = len(BAR)
DISPLAYED_PART = 200
"""A bar's volume over the size displayed at the best price. A trade displays all of its volume."""
DISPLAYED_DOLLARS = Decimal(50_000)
"""The size at the best price, in dollars, where the file has no volume."""

FAR = Decimal("0.5")
"""A replay that begins further from the market's price, as a fraction of it, gets a warning."""


@dataclass(slots=True)
class Replay:
    """Recordings as a sequence of frames, each the ticks of one round. A bar takes four rounds.

    All rows of one moment play in the same rounds, whatever their files. Prices of a symbol are
    multiplied by its `scale`, if it has one. Files are taken to be in the shares of the moment at
    which the replay begins; `split_ratios` are those of that moment, by symbol.
    """

    recordings: Sequence[Recording]
    instruments: Mapping[str, Instrument]
    scale: Mapping[str, Decimal] = field(default_factory=dict)
    split_ratios: Mapping[str, Fraction] = field(default_factory=dict)
    playing: Counter[str] = field(default_factory=Counter)
    """How many frames are left for each symbol."""

    _frames: Iterator[Sequence[Tick]] = field(init=False)
    _ratios_now: Mapping[str, Fraction] = field(init=False)

    def __post_init__(self) -> None:
        self._ratios_now = self.split_ratios
        rows = [row for recording in self.recordings for row in recording.rows]
        for row in rows:
            self.playing[row.symbol] += len(row.prices)
        self._frames = self._play(sorted(rows, key=attrgetter("at")))

    def next(self) -> Sequence[Tick]:
        """The ticks of the next round; none when all has been played."""
        frame = next(self._frames, ())
        self.playing.subtract(tick.symbol for tick in frame)
        return frame

    def is_replaying(self, symbol: str) -> bool:
        """Whether the symbol has ticks to come, so that the model's are left out."""
        return self.playing[symbol] > 0

    @property
    def is_over(self) -> bool:
        return not any(self.playing.values())

    def set_split_ratios(self, ratios: Mapping[str, Fraction]) -> None:
        """Express all that is still to come in today's shares, also the rest of a bar."""
        self._ratios_now = ratios

    def _play(self, rows: Iterable[Row]) -> Iterator[Sequence[Tick]]:
        for _, moment in groupby(rows, key=attrgetter("at")):
            # One row for each symbol at a time: of two files with the same symbol the second waits.
            waiting = list(moment)
            while waiting:
                playing = list({row.symbol: row for row in reversed(waiting)}.values())[::-1]
                for number in range(max(len(row.prices) for row in playing)):
                    yield [self._tick(row, number) for row in playing if number < len(row.prices)]
                waiting = [row for row in waiting if row not in playing]

    def _tick(self, row: Row, number: int) -> Tick:
        """Made only when it is due, since a split may come between two ticks of a bar."""
        one = Fraction(1)
        ratio = self._ratios_now.get(row.symbol, one) / self.split_ratios.get(row.symbol, one)
        scale = self.scale.get(row.symbol, Decimal(1))
        return _tick(self.instruments[row.symbol], _in_new_shares(row, scale, ratio), number)


def scale_to(recordings: Sequence[Recording], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The factors that bring each symbol's first price to the one in `prices`."""
    rows = sorted((row for each in recordings for row in each.rows), key=attrgetter("at"))
    first = {row.symbol: row.prices[0] for row in reversed(rows)}
    return {symbol: prices[symbol] / first[symbol] for symbol in first if symbol in prices}


def far_from_market(scale: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The factors of `scale_to` for symbols that begin further than `FAR` from the market."""
    return {symbol: factor for symbol, factor in scale.items() if abs(1 / factor - 1) > FAR}


def _in_new_shares(row: Row, scale: Decimal, ratio: Fraction) -> Row:
    new, old = ratio.numerator, ratio.denominator
    volume = None if row.volume is None else row.volume * new / old
    prices = tuple(price * scale * old / new for price in row.prices)
    return replace(row, prices=prices, volume=volume)


def _tick(instrument: Instrument, row: Row, number: int) -> Tick:
    """The bid is price `number` of the row; the ask is one increment above.

    Inside a bar the price passes through all prices between two ticks, and fills the orders that
    rest there. To the first tick of a bar it jumps.
    """
    shown = _shown(instrument, row)
    traded = _on_step(instrument, (row.volume or Decimal(0)) / len(row.prices))
    quoted = [_quoted(instrument, price) for price in row.prices]
    bids = [bid for bid, _ in quoted]
    bid, increment = quoted[number]
    return Tick(
        instrument.symbol,
        *(bid, bid, bid + increment),
        *(shown, shown),
        volume=traded,
        came_from=bids[number - 1] if number else None,
        low_ahead=min(bids[number + 1 :], default=None) if number else None,
    )


def _shown(instrument: Instrument, row: Row) -> Decimal:
    """The size at the best price, at least one quantity increment.

    Without a volume, or with one of zero, it is `DISPLAYED_DOLLARS`.
    """
    if not row.volume:
        shown = DISPLAYED_DOLLARS * instrument.price_divisor / row.prices[0]
    else:
        shown = row.volume / DISPLAYED_PART if row.is_bar else row.volume
    return max(_on_step(instrument, shown), instrument.quantity_increment)


def _on_step(instrument: Instrument, quantity: Decimal) -> Decimal:
    """A quantity on its grid, and at most what can be counted, whatever a split makes of it."""
    most = instrument.asset.amount(MOST_UNITS)
    return on_grid(min(quantity, most), instrument.quantity_increment, "ROUND_FLOOR")


def _quoted(instrument: Instrument, price: Decimal) -> tuple[Decimal, Decimal]:
    """A price on its grid, and the increment in force there."""
    price = min(price, HIGHEST_PRICE)
    usual = instrument.price_increment.normalize()  # the database pads it to eight decimals
    increment = increment_at(price, usual, instrument.asset_class)
    return max(on_grid(price, increment, "ROUND_HALF_EVEN"), increment), increment
