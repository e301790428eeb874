"""From a price of the model to a quote: spread, displayed sizes, last trade and volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from exchange.market.rules import ticks
from exchange.market.rules.ticks import Tick
from exchange.simulator.model import draws
from exchange.simulator.model.arrays import FloatArray, IntArray
from exchange.simulator.model.single_names import COINS
from exchange.simulator.model.specs import InstrumentSpec
from exchange.simulator.model.variance_clock import DAYS_PER_YEAR, SESSIONS_PER_YEAR

_BASIS_POINT = 1e-4
_SIZE_DEVIATION = 0.6  # of the logarithm of displayed sizes
_NOISE_DEVIATION = 0.7  # of the logarithm of volume
_QUIET_VOLUME = 0.65  # the part of volume that does not follow the size of the move
_MEAN_MOVE = 0.7979  # of |x|, x standard normal
_LARGEST_MOVE = 10.0  # standard deviations; beyond it volume grows no further
_NO_MOVE = 1e-15
_EVEN_CHANCE = 0.5
_HIGHEST_SPLIT_RATIO = 1000.0  # beyond it volumes grow no further: they are 64-bit integers
_ONE_DOLLAR = 1.0
_WHOLE = Decimal(1)
_SIDE, _BID_SIZE, _ASK_SIZE, _VOLUME = range(4)


@dataclass(frozen=True, slots=True)
class Grid:
    """The quotes of one round as integers, one element for each instrument.

    Prices count units of the finest increment that the instrument ever has: 0.0001 dollars for
    stocks and ETFs, else its own increment. Sizes and volumes count lots.
    """

    bid: IntArray
    ask: IntArray
    price: IntArray
    bid_lots: IntArray
    ask_lots: IntArray
    traded_lots: IntArray

    def columns(self) -> tuple[IntArray, ...]:
        """In the order of a tick's fields."""
        return (self.price, self.bid, self.ask, self.bid_lots, self.ask_lots, self.traded_lots)


class Quoting:
    """Quotes of a fixed list of instruments.

    Each round spends one row of `width` uniforms. `noise` turns it into what an instrument needs:
    the side of the last trade, two sizes and the noise of the volume. Sizes and volumes grow with
    `split_ratios`, shape (symbols,).
    """

    def __init__(self, specs: Sequence[InstrumentSpec], split_ratios: FloatArray) -> None:
        self._specs = tuple(specs)
        count = len(self._specs)
        self._spread = np.array([spec.spread_bps for spec in specs]) * _BASIS_POINT
        self._volatility = np.array([spec.annual_volatility for spec in specs])
        self._days_per_year = np.array(
            [DAYS_PER_YEAR if spec.sector == COINS else SESSIONS_PER_YEAR for spec in specs]
        )
        more = np.clip(split_ratios, 1 / _HIGHEST_SPLIT_RATIO, _HIGHEST_SPLIT_RATIO)
        self._daily_volume = np.array([spec.daily_volume for spec in specs]) * more
        self._lot_sizes = np.array([float(_lot(spec)) for spec in specs])
        units = [_finest_increment(spec) for spec in specs]
        self._unit_sizes = np.array([float(unit) for unit in units])
        self._steps = np.array(
            [int(spec.price_increment / unit) for spec, unit in zip(specs, units, strict=True)]
        )
        self._fine_steps = np.ones_like(self._steps)
        self._units = tuple(
            _Units(spec.symbol, {1: unit, step: spec.price_increment}, _lot(spec))
            for spec, unit, step in zip(specs, units, self._steps.tolist(), strict=True)
        )
        self._display_size = np.array([float(spec.display_size) for spec in specs]) * more
        self.width = count + draws.even(3 * count)

    def noise(self, uniform: FloatArray) -> FloatArray:
        """From uniforms to one uniform and three standard normals for each instrument."""
        count = len(self._specs)
        normals = draws.normals(uniform[:, count:])
        return np.concatenate([uniform[:, :count], normals[:, : 3 * count]], axis=1)

    def volumes(
        self,
        moves: FloatArray,
        years: FloatArray,
        relative_volatility: FloatArray,
        noise: FloatArray,
    ) -> FloatArray:
        """What trades while prices move by log returns `moves` over `years`, all (n, symbols).

        Proportional to variance time, to the relative volatility (over the usual one) and, in part,
        to the size of the move for that volatility, times log-normal noise.
        """
        usual = np.maximum(self._volatility * relative_volatility * np.sqrt(years), _NO_MOVE)
        size = np.minimum(np.abs(moves) / usual, _LARGEST_MOVE) / _MEAN_MOVE
        normal = np.ascontiguousarray(self._columns_of(noise, _VOLUME))
        scatter = np.exp(_NOISE_DEVIATION * normal - _NOISE_DEVIATION**2 / 2)
        days = years * self._days_per_year
        pace = _QUIET_VOLUME + (1 - _QUIET_VOLUME) * size
        traded: FloatArray = self._daily_volume * days * relative_volatility * pace * scatter
        return traded

    def grid(
        self,
        prices: FloatArray,
        volumes: FloatArray,
        relative_volatility: FloatArray,
        noise: FloatArray,
    ) -> "Grid":
        """The quotes of one round around `prices`; all of shape (1, symbols), noise (1, ...)."""
        bid, ask = self._bid_and_ask(prices[0], (self._spread * prices * relative_volatility)[0])
        return Grid(
            bid=bid,
            ask=ask,
            price=np.where(self._columns_of(noise, _SIDE)[0] < _EVEN_CHANCE, bid, ask),
            bid_lots=self._lots_shown(noise, _BID_SIZE)[0],
            ask_lots=self._lots_shown(noise, _ASK_SIZE)[0],
            traded_lots=self._lots_traded(volumes, noise)[0],
        )

    def _bid_and_ask(self, prices: FloatArray, spreads: FloatArray) -> tuple[IntArray, IntArray]:
        """Bids and asks around `prices`, on the grid, `spreads` and at least an increment apart.

        Rounding outwards adds one increment on average. It is taken off the spread first.
        """
        half = np.maximum(spreads - self._steps_at(prices) * self._unit_sizes, 0.0) / 2
        bid = self._on_grid(prices - half, np.floor)
        ask = self._on_grid(prices + half, np.ceil)
        bid = np.maximum(bid, self._steps_at(bid * self._unit_sizes))
        ask = np.where(ask <= bid, bid + self._steps_at(bid * self._unit_sizes), ask)
        return bid, ask

    def _steps_at(self, prices: FloatArray) -> IntArray:
        """The increment in force at each price, in units."""
        return np.where(prices < _ONE_DOLLAR, self._fine_steps, self._steps)

    def _on_grid(self, prices: FloatArray, rounding: np.ufunc) -> IntArray:
        steps = self._steps_at(prices)
        counts: IntArray = rounding(prices / (steps * self._unit_sizes)).astype(np.int64)
        return counts * steps

    def ticks(self, grid: "Grid") -> tuple[Tick, ...]:
        """The quotes as exact Decimals, with as many places as the increment in force."""
        steps = self._steps_at(grid.bid * self._unit_sizes)
        rows = zip(*(column.tolist() for column in (*grid.columns(), steps)), strict=True)
        return tuple(_tick(units, *row) for units, row in zip(self._units, rows, strict=True))

    def _lots_shown(self, noise: FloatArray, what: int) -> IntArray:
        """Displayed sizes, as whole numbers of lots, at least one."""
        sizes = self._display_size * np.exp(_SIZE_DEVIATION * self._columns_of(noise, what))
        lots: IntArray = np.maximum((sizes / self._lot_sizes).astype(np.int64), 1)
        return lots

    def _lots_traded(self, volumes: FloatArray, noise: FloatArray) -> IntArray:
        """Volumes as whole numbers of lots, rounded at random so that the mean is exact.

        The uniform is that of the last trade's side, with the bit that decided the side removed.
        """
        up: FloatArray = 2.0 * self._columns_of(noise, _SIDE) % 1.0
        lots: IntArray = (volumes / self._lot_sizes + up).astype(np.int64)
        return lots

    def _columns_of(self, noise: FloatArray, what: int) -> FloatArray:
        count = len(self._specs)
        return noise[:, what * count : (what + 1) * count]


@dataclass(frozen=True, slots=True)
class _Units:
    """What turns integers into an instrument's Decimals: increments by their number of units."""

    symbol: str
    increments: Mapping[int, Decimal]
    lot: Decimal


def _tick(
    of: _Units,
    price: int,
    bid: int,
    ask: int,
    bid_lots: int,
    ask_lots: int,
    traded_lots: int,
    step: int,
) -> Tick:
    increment, lot = of.increments[step], of.lot
    return Tick(
        of.symbol,
        price // step * increment,
        bid // step * increment,
        ask // step * increment,
        bid_lots * lot,
        ask_lots * lot,
        traded_lots * lot,
    )


def _finest_increment(spec: InstrumentSpec) -> Decimal:
    return ticks.increment_at(0, spec.price_increment, spec.asset_class)


def _lot(spec: InstrumentSpec) -> Decimal:
    """Sizes and volumes are multiples of this: whole shares, though orders may have fractions."""
    if spec.asset_class in {"stock", "etf"}:
        return max(_WHOLE, spec.quantity_increment)
    return spec.quantity_increment
