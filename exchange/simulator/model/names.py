"""Stocks, coins and the ETFs that hold them: from returns of sources to prices.

The log price of a name is an Ornstein-Uhlenbeck process around its anchor, the logarithm of its
start price, with a half-life of two years: it wanders as far as its volatility takes it in a few
years and reaches neither zero nor infinity in a hundred. An ETF is a basket with a fixed number
of shares of each of its names, times a premium that fades at the same pace; the premium is not
zero only where prices from outside left one.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from exchange.simulator.model import universe
from exchange.simulator.model.draws import FloatArray
from exchange.simulator.model.universe import HiddenName, InstrumentSpec

_SECONDS_PER_YEAR = 365.25 * 86400.0
REVERSION = math.log(2) / (2 * _SECONDS_PER_YEAR)
"""Mean reversion of log prices, per second: a half-life of two years."""

MARKET = "market"
COINS = "coins"
_MARKET_LEVERAGE, _NAME_LEVERAGE, _COIN_LEVERAGE = -0.9, -0.3, 0.0


class Names:
    """The priced names behind a list of instruments, and what they are exposed to.

    All of the catalogue's names are there even if few of its instruments are wanted, so that
    baskets can be priced and a symbol's path does not depend on which others are traded.
    `sources` and `leverage` list the sources that the names need: the market, each sector (the
    coins among them), and one for each name.
    """

    def __init__(self, specs: Sequence[InstrumentSpec]) -> None:
        members = _members(specs)
        self.names = tuple(members)
        sectors = tuple(dict.fromkeys(member.sector for member in members.values()))
        self.sources = (MARKET, *(f"sector:{sector}" for sector in sectors), *self.names)
        sector_leverage = [_leverage(sector) for sector in sectors]
        name_leverage = [_leverage(member.sector) for member in members.values()]
        self.hidden = frozenset(hidden.name for hidden in universe.HIDDEN_NAMES)
        self.coin_sources = frozenset(
            (f"sector:{COINS}", *(name for name in members if members[name].sector == COINS))
        )
        self.leverage = (_MARKET_LEVERAGE, *sector_leverage, *name_leverage)
        self.anchors = np.log([_start_price(member) for member in members.values()])
        self._volatility = np.array([member.annual_volatility for member in members.values()])
        self._market = np.array([member.market_loading for member in members.values()])
        is_coin = np.array([name in self.coin_sources for name in members])
        self._stock_market = np.where(is_coin, 0.0, self._market)
        self._coin_market = np.where(is_coin, self._market, 0.0)
        self._sector = np.array([member.sector_loading for member in members.values()])
        self._own = np.array([universe.own_loading(member) for member in members.values()])
        self._sector_source = np.array(
            [1 + sectors.index(member.sector) for member in members.values()], dtype=np.intp
        )
        self._own_source = np.arange(len(members)) + 1 + len(sectors)

    def returns(self, sources: FloatArray, coin_market: FloatArray) -> FloatArray:
        """Log returns of the names, shape (n, names), from those of the sources, (n, sources).

        `coin_market` is the market's return as coins see it, shape (n, 1).
        """
        total = self._stock_market * sources[:, :1]
        total += self._coin_market * coin_market
        total += self._sector * sources[:, self._sector_source]
        total += self._own * sources[:, self._own_source]
        total *= self._volatility
        return total

    def liveliness(self, volatility: FloatArray) -> FloatArray:
        """Each name's volatility over its usual one, from the sources' v, shape (n, names)."""
        square = (self._market * volatility[:, :1]) ** 2
        square += (self._sector * volatility[:, self._sector_source]) ** 2
        square += (self._own * volatility[:, self._own_source]) ** 2
        return np.sqrt(square)


class Baskets:
    """ETFs as fixed numbers of shares of names."""

    def __init__(self, specs: Sequence[InstrumentSpec], names: Names) -> None:
        self._weights = np.zeros((len(names.names), len(specs)))
        for column, spec in enumerate(specs):
            for name, weight in spec.basket:
                self._weights[names.names.index(name), column] = weight
        starts = np.array([float(spec.start_price) for spec in specs])
        self._shares = self._weights * starts / np.exp(names.anchors)[:, None]

    def values(self, prices: FloatArray) -> FloatArray:
        """Dollars a share, shape (n, ETFs), of baskets of names at `prices`, (n, names)."""
        return _weighted_sum(prices, self._shares)

    def liveliness(self, names: FloatArray) -> FloatArray:
        """The liveliness of the names, averaged by their weight at the start."""
        return _weighted_sum(names, self._weights)


def _weighted_sum(values: FloatArray, weights: FloatArray) -> FloatArray:
    """`values @ weights`, added name by name: BLAS and `sum` do not promise an order."""
    running = np.add.accumulate(values[:, :, None] * weights, axis=1)
    return running[:, -1]


def _members(specs: Sequence[InstrumentSpec]) -> Mapping[str, InstrumentSpec | HiddenName]:
    members: dict[str, InstrumentSpec | HiddenName] = {
        spec.symbol: spec for spec in universe.CATALOGUE if is_priced_name(spec)
    }
    members.update({hidden.name: hidden for hidden in universe.HIDDEN_NAMES})
    members.update({spec.symbol: spec for spec in specs if is_priced_name(spec)})
    return members


def is_priced_name(spec: InstrumentSpec) -> bool:
    """Whether the instrument has a source of its own: not a bond, not a basket."""
    return spec.bond is None and not spec.basket


def _leverage(sector: str) -> float:
    return _COIN_LEVERAGE if sector == COINS else _NAME_LEVERAGE


def _start_price(member: InstrumentSpec | HiddenName) -> float:
    if isinstance(member, HiddenName):
        return universe.HIDDEN_START_PRICE
    return float(member.start_price)
