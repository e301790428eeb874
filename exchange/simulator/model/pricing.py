"""From levels to prices: what the model's state says of each instrument.

The levels are one vector: log prices of the single names, then log premiums of the ETFs, then the
factors of the yield curve. All of them are Ornstein-Uhlenbeck processes.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from exchange.simulator.model.arrays import FloatArray, IntArray
from exchange.simulator.model.curve import Curve
from exchange.simulator.model.single_names import REVERSION, Baskets, SingleNames, is_single_name
from exchange.simulator.model.specs import InstrumentSpec

_NAME, _FUND, _BOND = range(3)


class Pricing:
    """The layout of the levels for a list of instruments, and prices from them.

    `level_names`, `means` and `reversion` (per second) describe the vector. Prices are in the
    shares of the catalogue; columns of symbols are in the order of the instruments.
    """

    def __init__(self, instruments: Sequence[InstrumentSpec]) -> None:
        funds = [spec for spec in instruments if spec.basket]
        debts = [(spec.symbol, spec.bond) for spec in instruments if spec.bond is not None]
        self.names = SingleNames(instruments)
        self.baskets = Baskets(funds, self.names)
        self.curve = Curve([symbol for symbol, _ in debts], [bond for _, bond in debts])
        self.name_count = len(self.names.names)
        self.curve_from = self.name_count + len(funds)
        self.level_names = (
            *(f"price:{name}" for name in self.names.names),
            *(f"premium:{fund.symbol}" for fund in funds),
            *self.curve.names,
        )
        self.means = np.concatenate([self.names.anchors, np.zeros(len(funds)), self.curve.means])
        self.reversion = np.concatenate([np.full(self.curve_from, REVERSION), self.curve.rates])
        self._fund_symbols = [fund.symbol for fund in funds]
        self._listed_names = [
            self.names.names.index(spec.symbol) for spec in instruments if is_single_name(spec)
        ]
        # The place of each symbol among the columns of (names, ETFs, bonds).
        self._columns = np.argsort(np.argsort([_kind(spec) for spec in instruments], kind="stable"))

    def prices(self, levels: FloatArray, settlements: IntArray) -> FloatArray:
        """Prices, (n, symbols), from levels (n, levels) and settlement days (n,)."""
        names = np.exp(np.ascontiguousarray(levels[:, : self.name_count]))
        premiums = np.exp(np.ascontiguousarray(levels[:, self.name_count : self.curve_from]))
        return self._by_symbol(
            names[:, self._listed_names],
            self.baskets.values(names) * premiums,
            self.curve.prices(levels[:, self.curve_from :], settlements),
        )

    def relative_volatility(self, volatility: FloatArray) -> FloatArray:
        """Volatility over the usual one, (n, symbols), from the factors', (n, factors).

        All bonds have the market's.
        """
        names = self.names.relative_volatility(volatility)
        return self._by_symbol(
            names[:, self._listed_names],
            self.baskets.relative_volatility(names),
            volatility[:, :1] * np.ones(len(self.curve.symbols)),
        )

    def has_not_matured(self, settlements: IntArray) -> FloatArray:
        """1 where an instrument can trade and 0 where it is a matured bond, (n, symbols)."""
        ones = np.ones((len(settlements), len(self._listed_names) + len(self._fund_symbols)))
        live = self.curve.has_not_matured(settlements)
        return np.concatenate([ones, live], axis=1)[:, self._columns]

    def fit_funds_and_bonds(
        self,
        levels: FloatArray,
        *,
        wanted: Mapping[str, float],
        actual: Mapping[str, float],
        settlement: date,
    ) -> None:
        """Change premiums and bond-specific yields in place, so that `actual` becomes `wanted`.

        They hold what single names and the curve do not explain of a price.
        """
        for number, symbol in enumerate(self._fund_symbols):
            if symbol in wanted:
                levels[self.name_count + number] += math.log(wanted[symbol] / actual[symbol])
        factors = levels[self.curve_from :]
        first_basis = len(factors) - len(self.curve.symbols)
        for number, symbol in enumerate(self.curve.symbols):
            if symbol in wanted:
                factors[first_basis + number] = self.curve.basis(
                    factors, settlement, number, wanted[symbol]
                )

    def _by_symbol(self, names: FloatArray, funds: FloatArray, bonds: FloatArray) -> FloatArray:
        return np.concatenate([names, funds, bonds], axis=1)[:, self._columns]


def _kind(spec: InstrumentSpec) -> int:
    if spec.bond is not None:
        return _BOND
    return _FUND if spec.basket else _NAME
