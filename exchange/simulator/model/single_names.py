"""Single names (stocks and coins) and the ETFs that hold them: from factor returns to prices.

The log price of a name is an Ornstein-Uhlenbeck process around its anchor, the logarithm of its
start price, with a half-life of two years. So it wanders as far as its volatility takes it in a few
years, and reaches neither zero nor infinity in a hundred. An ETF is a basket with a fixed number
of shares of each of its names, times a premium that fades with the same half-life. The premium is
zero unless prices were set from outside.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from exchange.simulator.model import catalogue, specs
from exchange.simulator.model.arrays import FloatArray
from exchange.simulator.model.specs import InstrumentSpec, UnlistedGroup

_SECONDS_PER_YEAR = 365.25 * 86400.0
REVERSION = math.log(2) / (2 * _SECONDS_PER_YEAR)
"""Mean reversion of log prices, per second: a half-life of two years."""

MARKET = "market"
COINS = "coins"
_MARKET_LEVERAGE, _NAME_LEVERAGE, _COIN_LEVERAGE = -0.9, -0.3, 0.0


class SingleNames:
    """The single names behind a list of instruments, and their exposure to return factors.

    All names of the catalogue are included even if few of its instruments are wanted. So baskets
    can be priced, and a symbol's path does not depend on which others are traded. `factors` and
    `leverage` list the return factors: the market, each sector (coins are one), and one for each
    name alone.
    """

    def __init__(self, instruments: Sequence[InstrumentSpec]) -> None:
        members = _members(instruments)
        self.names = tuple(members)
        sectors = tuple(dict.fromkeys(member.sector for member in members.values()))
        self.factors = (MARKET, *(f"sector:{sector}" for sector in sectors), *self.names)
        sector_leverage = [_leverage(sector) for sector in sectors]
        name_leverage = [_leverage(member.sector) for member in members.values()]
        self.unlisted = frozenset(group.name for group in catalogue.UNLISTED_GROUPS)
        self.coin_factors = frozenset(
            (f"sector:{COINS}", *(name for name in members if members[name].sector == COINS))
        )
        self.leverage = (_MARKET_LEVERAGE, *sector_leverage, *name_leverage)
        self.anchors = np.log([_start_price(member) for member in members.values()])
        self._volatility = np.array([member.annual_volatility for member in members.values()])
        self._market = np.array([member.market_loading for member in members.values()])
        is_coin = np.array([name in self.coin_factors for name in members])
        self._stock_market = np.where(is_coin, 0.0, self._market)
        self._coin_market = np.where(is_coin, self._market, 0.0)
        self._sector = np.array([member.sector_loading for member in members.values()])
        self._own = np.array([specs.own_loading(member) for member in members.values()])
        self._sector_factor = np.array(
            [1 + sectors.index(member.sector) for member in members.values()], dtype=np.intp
        )
        self._own_factor = np.arange(len(members)) + 1 + len(sectors)

    def returns(self, factors: FloatArray, coin_market: FloatArray) -> FloatArray:
        """Log returns of the names, shape (n, names), from those of the factors, (n, factors).

        `coin_market` is the market's return on the coins' clock, shape (n, 1).
        """
        total = self._stock_market * factors[:, :1]
        total += self._coin_market * coin_market
        total += self._sector * factors[:, self._sector_factor]
        total += self._own * factors[:, self._own_factor]
        total *= self._volatility
        return total

    def relative_volatility(self, volatility: FloatArray) -> FloatArray:
        """Volatility over the usual one, (n, names), from the factors', (n, factors)."""
        square = (self._market * volatility[:, :1]) ** 2
        square += (self._sector * volatility[:, self._sector_factor]) ** 2
        square += (self._own * volatility[:, self._own_factor]) ** 2
        return np.sqrt(square)


class Baskets:
    """ETFs as fixed numbers of shares of single names."""

    def __init__(self, funds: Sequence[InstrumentSpec], names: SingleNames) -> None:
        self._weights = np.zeros((len(names.names), len(funds)))
        for column, fund in enumerate(funds):
            for name, weight in fund.basket:
                self._weights[names.names.index(name), column] = weight
        starts = np.array([float(fund.start_price) for fund in funds])
        self._shares = self._weights * starts / np.exp(names.anchors)[:, None]

    def values(self, prices: FloatArray) -> FloatArray:
        """Net asset values a share in dollars, (n, ETFs), with names at `prices`, (n, names)."""
        return _weighted_sum(prices, self._shares)

    def relative_volatility(self, names: FloatArray) -> FloatArray:
        """The relative volatility of the names, averaged by their weights at the start prices."""
        return _weighted_sum(names, self._weights)


def _weighted_sum(values: FloatArray, weights: FloatArray) -> FloatArray:
    """`values @ weights`, added name by name: BLAS and `sum` do not promise an order."""
    running = np.add.accumulate(values[:, :, None] * weights, axis=1)
    return running[:, -1]


def _members(instruments: Sequence[InstrumentSpec]) -> Mapping[str, InstrumentSpec | UnlistedGroup]:
    members: dict[str, InstrumentSpec | UnlistedGroup] = {
        spec.symbol: spec for spec in catalogue.CATALOGUE if is_single_name(spec)
    }
    members.update({group.name: group for group in catalogue.UNLISTED_GROUPS})
    members.update({spec.symbol: spec for spec in instruments if is_single_name(spec)})
    return members


def is_single_name(spec: InstrumentSpec) -> bool:
    """Whether the instrument has a return factor of its own: it is no bond and no basket."""
    return spec.bond is None and not spec.basket


def _leverage(sector: str) -> float:
    return _COIN_LEVERAGE if sector == COINS else _NAME_LEVERAGE


def _start_price(member: InstrumentSpec | UnlistedGroup) -> float:
    if isinstance(member, UnlistedGroup):
        return catalogue.UNLISTED_START_PRICE
    return float(member.start_price)
