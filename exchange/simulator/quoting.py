"""From a model price to a quote: spread, displayed sizes, last trade and volume."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from exchange.market import ticks
from exchange.market.ticks import Tick
from exchange.simulator import draws
from exchange.simulator.draws import FloatArray
from exchange.simulator.universe import InstrumentSpec

_BASIS_POINT = 1e-4
_SIZE_DEVIATION = 0.6  # of the logarithm of displayed sizes
_NOISE_DEVIATION = 0.6  # of the logarithm of volume
_QUIET_VOLUME = 0.55  # the part of volume that does not follow the size of the move
_MEAN_MOVE = 0.7979  # of |x|, x standard normal
_LARGEST_MOVE = 10.0  # standard deviations; beyond, volume grows no further
_NO_MOVE = 1e-15
_EVEN_CHANCE = 0.5
_DAYS_PER_YEAR = 365.25
_WHOLE = Decimal(1)
_SIDE, _BID_SIZE, _ASK_SIZE, _VOLUME = range(4)


class Quoting:
    """Quotes of a fixed list of instruments.

    Chance comes as rows of `width` uniforms, one row a round, which `noise` makes ready: for each
    instrument the side of the last trade, two sizes and the noise of the volume.
    """

    def __init__(self, specs: Sequence[InstrumentSpec]) -> None:
        self._specs = tuple(specs)
        count = len(self._specs)
        self._spread = np.array([spec.spread_bps for spec in specs]) * _BASIS_POINT
        self._volatility = np.array([spec.annual_volatility for spec in specs])
        self._daily_volume = np.array([spec.daily_volume for spec in specs])
        self._lots = tuple(_lot(spec) for spec in specs)
        self._lot_sizes = np.array([float(lot) for lot in self._lots])
        self._display_size = np.array([float(spec.display_size) for spec in specs])
        self.width = count + draws.even(3 * count)

    def noise(self, chance: FloatArray) -> FloatArray:
        """From uniforms to one uniform and three standard normals for each instrument."""
        count = len(self._specs)
        normals = draws.normals(chance[:, count:])
        return np.concatenate([chance[:, :count], normals[:, : 3 * count]], axis=1)

    def volumes(
        self, moves: FloatArray, years: FloatArray, lively: FloatArray, noise: FloatArray
    ) -> FloatArray:
        """What trades while prices move by log returns `moves` over `years`, all (n, symbols).

        Proportional to the time, to how lively the symbol is (its volatility over the usual) and,
        in part, to how large the move is for that volatility; log-normal noise on top.
        """
        usual = np.maximum(self._volatility * lively * np.sqrt(years), _NO_MOVE)
        size = np.minimum(np.abs(moves) / usual, _LARGEST_MOVE) / _MEAN_MOVE
        normal = np.ascontiguousarray(self._of(noise, _VOLUME))
        scatter = np.exp(_NOISE_DEVIATION * normal - _NOISE_DEVIATION**2 / 2)
        days = years * _DAYS_PER_YEAR
        pace = _QUIET_VOLUME + (1 - _QUIET_VOLUME) * size
        return self._daily_volume * days * lively * pace * scatter

    def ticks(
        self, prices: FloatArray, volumes: FloatArray, lively: FloatArray, noise: FloatArray
    ) -> tuple[Tick, ...]:
        """The quotes of one round around `prices`; all of shape (1, symbols), noise (1, ...)."""
        columns = (
            prices[0],
            (self._spread * prices * lively)[0],
            self._of(noise, _SIDE)[0],
            self._lots_shown(noise, _BID_SIZE)[0],
            self._lots_shown(noise, _ASK_SIZE)[0],
            self._lots_traded(volumes, noise)[0],
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return tuple(
            _tick(spec, lot, *row)
            for spec, lot, row in zip(self._specs, self._lots, rows, strict=True)
        )

    def _lots_shown(self, noise: FloatArray, what: int) -> FloatArray:
        """Displayed sizes, as whole numbers of lots, at least one."""
        sizes = self._display_size * np.exp(_SIZE_DEVIATION * self._of(noise, what))
        lots: FloatArray = np.maximum(np.floor(sizes / self._lot_sizes), 1.0)
        return lots

    def _lots_traded(self, volumes: FloatArray, noise: FloatArray) -> FloatArray:
        """Volumes as whole numbers of lots, rounded by chance so that they add up in the long run.

        The chance is what the side of the last trade has left of its uniform.
        """
        up: FloatArray = 2.0 * self._of(noise, _SIDE) % 1.0
        lots: FloatArray = np.floor(volumes / self._lot_sizes + up)
        return lots

    def _of(self, noise: FloatArray, what: int) -> FloatArray:
        count = len(self._specs)
        return noise[:, what * count : (what + 1) * count]


def _tick(
    spec: InstrumentSpec,
    lot: Decimal,
    price: float,
    spread: float,
    side: float,
    bid_lots: float,
    ask_lots: float,
    lots_traded: float,
) -> Tick:
    bid, ask = bid_and_ask(spec, price, spread)
    return Tick(
        symbol=spec.symbol,
        price=bid if side < _EVEN_CHANCE else ask,
        bid=bid,
        ask=ask,
        bid_size=int(bid_lots) * lot,
        ask_size=int(ask_lots) * lot,
        volume=int(lots_traded) * lot,
    )


def bid_and_ask(spec: InstrumentSpec, price: float, spread: float) -> tuple[Decimal, Decimal]:
    """A bid and an ask around `price`, on the grid, about `spread` and at least an increment apart.

    Rounding outwards adds one increment on average, which is taken off the spread first.
    """
    increment = ticks.increment_at(price, spec.price_increment, spec.asset_class)
    half = max(spread - float(increment), 0.0) / 2
    bid = _on_own_grid(spec, price - half, ROUND_FLOOR)
    bid = max(bid, ticks.increment_at(bid, spec.price_increment, spec.asset_class))
    ask = _on_own_grid(spec, price + half, ROUND_CEILING)
    if ask <= bid:
        ask = bid + ticks.increment_at(bid, spec.price_increment, spec.asset_class)
    return bid, ask


def _on_own_grid(spec: InstrumentSpec, price: float, rounding: str) -> Decimal:
    increment = ticks.increment_at(price, spec.price_increment, spec.asset_class)
    return ticks.on_grid(price, increment, rounding)


def _lot(spec: InstrumentSpec) -> Decimal:
    """Sizes and volumes are multiples of this: whole shares, though fractions can be ordered."""
    if spec.asset_class in {"stock", "etf"}:
        return max(_WHOLE, spec.quantity_increment)
    return spec.quantity_increment
