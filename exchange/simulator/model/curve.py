"""The yield curve, credit spreads, and the prices of bonds on them.

The curve has Nelson and Siegel's three factors ("Parsimonious modeling of yield curves", 1987).
The decay is fixed; level, slope and curvature are Ornstein-Uhlenbeck processes, as in Diebold and
Li ("Forecasting the term structure of government bond yields", 2006). A corporate bond adds its
issuer's credit spread, whose logarithm is such a process too. It correlates with the stock market:
spreads widen as stocks fall. A small bond-specific part of the yield, the basis, holds what is left
between a bond's price and the curve.
"""

import math
from collections.abc import Sequence
from datetime import date

import numpy as np

from exchange.market.rules import bonds
from exchange.simulator.model.arrays import FloatArray, IntArray
from exchange.simulator.model.specs import BondSpec

_SECONDS_PER_YEAR = 365.25 * 86400.0
_DAYS_PER_YEAR = 365.25
_DECAY = 0.25  # per year; puts the hump of the curvature near seven years
_LOWEST_YIELD = 0.0005  # keeps prices finite and the closed form away from zero
_HIGHEST_YIELD = 1.0
_BASIS_POINT = 1e-4

# name, mean, volatility per square root of a year, half-life in years, correlation with the market
_FACTORS = (
    ("level", 0.0515, 0.0105, 3.0, 0.15),
    ("slope", -0.0150, 0.0110, 1.5, -0.05),
    ("curvature", -0.0195, 0.0160, 1.0, 0.0),
)
_LEVEL, _SLOPE_FACTOR = 0, 1
_SLOPE_TO_LEVEL = -0.5
"""Correlation of their shocks: short yields, which are their sum, move less than long ones."""
_SPREAD_VOLATILITY, _SPREAD_HALF_LIFE, _SPREAD_CORRELATION = 0.35, 1.0, -0.6
_BASIS_DEVIATION, _BASIS_HALF_LIFE = 1.5 * _BASIS_POINT, 30 / _DAYS_PER_YEAR


class Curve:
    """Bond prices as a function of a vector of factors, which are Ornstein-Uhlenbeck processes.

    `names`, `means`, `rates` (mean reversion, per second) and `volatilities` (per square root of a
    year) describe the vector: level, slope, curvature, then each bond's log credit spread (constant
    and unused for Treasuries), then each bond's basis.
    """

    def __init__(self, symbols: Sequence[str], specs: Sequence[BondSpec]) -> None:
        self.symbols, self._specs = tuple(symbols), tuple(specs)
        rows = [*_FACTORS]
        for symbol, spec in zip(symbols, specs, strict=True):
            rows.append(_spread_row(symbol, spec))
        own_rate = math.log(2) / _BASIS_HALF_LIFE
        own_volatility = _BASIS_DEVIATION * math.sqrt(2 * own_rate)
        rows += [
            (f"basis:{symbol}", 0.0, own_volatility, _BASIS_HALF_LIFE, 0.0) for symbol in symbols
        ]
        self.names = tuple(row[0] for row in rows)
        self.means = np.array([row[1] for row in rows])
        self.volatilities = np.array([row[2] for row in rows])
        self.rates = math.log(2) / np.array([row[3] for row in rows]) / _SECONDS_PER_YEAR
        self._market_correlations = np.array([row[4] for row in rows])
        self._is_credit = np.array([spec.credit_spread_bps > 0 for spec in specs], dtype=bool)
        self._positions: dict[int, FloatArray] = {}

    def prices(self, factors: FloatArray, settlements: IntArray) -> FloatArray:
        """Clean prices per 100, shape (n, bonds), for factors (n, factors) and settlement days.

        `settlements` are proleptic Gregorian ordinals, shape (n,). A bond that has matured costs
        100.
        """
        terms = self._terms(settlements)
        return _clean_prices(terms, self._yields(factors, terms))

    def shocks(self, market: FloatArray, own: FloatArray) -> FloatArray:
        """Unit shocks of the factors, (n, factors), from the market's, (n, 1), and their own."""
        independent = own.copy()
        independent[:, _SLOPE_FACTOR] *= math.sqrt(1.0 - _SLOPE_TO_LEVEL**2)
        independent[:, _SLOPE_FACTOR] += _SLOPE_TO_LEVEL * own[:, _LEVEL]
        with_market = self._market_correlations
        total: FloatArray = with_market * market + np.sqrt(1.0 - with_market**2) * independent
        return total

    def basis(self, factors: FloatArray, settlement: date, bond: int, clean_price: float) -> float:
        """The basis at which bond number `bond` costs `clean_price`.

        Zero once it has matured, or if no yield gives that price.
        """
        terms = self._terms(np.array([settlement.toordinal()]))
        fair = self._yields(factors[None, :], terms, with_basis=False)[0, bond]
        try:
            actual = bonds.yield_from_price(
                self._specs[bond], settlement=settlement, clean_price=clean_price
            )
        except ValueError:
            return 0.0
        return float(np.clip(actual, _LOWEST_YIELD, _HIGHEST_YIELD) - fair)

    def has_not_matured(self, settlements: IntArray) -> FloatArray:
        """1 where a bond has not matured and 0 where it has, shape (n, bonds)."""
        live: FloatArray = self._terms(settlements)[_LIVE]
        return live

    def _yields(
        self, factors: FloatArray, terms: FloatArray, *, with_basis: bool = True
    ) -> FloatArray:
        count = len(self._specs)
        level, slope, curvature = (factors[:, i : i + 1] for i in range(3))
        spreads = np.exp(np.ascontiguousarray(factors[:, 3 : 3 + count])) * self._is_credit
        total = level + slope * terms[_SLOPE] + curvature * terms[_CURVATURE] + spreads
        if with_basis:
            total = total + factors[:, 3 + count :]
        yields: FloatArray = np.clip(total, _LOWEST_YIELD, _HIGHEST_YIELD)
        return yields

    def _terms(self, settlements: IntArray) -> FloatArray:
        """What a price depends on besides yields, shape (rows of _position, n, bonds)."""
        if len(settlements) == 1:
            return self._position(int(settlements[0]))[:, None]
        days, where = np.unique(settlements, return_inverse=True)
        by_day: FloatArray = np.stack([self._position(int(day)) for day in days], axis=1)
        return by_day[:, where]

    def _position(self, day: int) -> FloatArray:
        known = self._positions.get(day)
        if known is None:
            if len(self._positions) >= _POSITIONS_KEPT:
                self._positions.clear()
            settlement = date.fromordinal(day)
            known = np.array([_position(spec, settlement) for spec in self._specs]).T
            known = known.reshape(_POSITION_ROWS, len(self._specs))
            self._positions[day] = known
        return known


_SLOPE, _CURVATURE, _COUPON, _PERIODS, _STUB, _FREQUENCY, _SIMPLE, _ACCRUED, _LIVE = range(9)
_POSITION_ROWS = 9
_POSITIONS_KEPT = 512
_MATURED = (0.0, 0.0, 0.0, 1.0, 0.0, 2.0, 1.0, 0.0, 0.0)  # worth 100 at any yield


def _spread_row(symbol: str, spec: BondSpec) -> tuple[str, float, float, float, float]:
    if spec.credit_spread_bps <= 0:
        return (f"spread:{symbol}", 0.0, 0.0, _SPREAD_HALF_LIFE, 0.0)
    mean = math.log(spec.credit_spread_bps * _BASIS_POINT)
    return (f"spread:{symbol}", mean, _SPREAD_VOLATILITY, _SPREAD_HALF_LIFE, _SPREAD_CORRELATION)


def _position(spec: BondSpec, settlement: date) -> tuple[float, ...]:
    if settlement >= spec.maturity_date:
        return _MATURED
    settlement = max(settlement, spec.issue_date)  # when-issued trading settles at issue
    remaining = bonds.outlook(spec, settlement=settlement)
    scaled = _DECAY * (spec.maturity_date - settlement).days / _DAYS_PER_YEAR
    slope = -math.expm1(-scaled) / scaled
    return (
        slope,
        slope - math.exp(-scaled),
        remaining.coupon,
        float(remaining.periods),
        remaining.stub,
        float(remaining.frequency),
        float(remaining.simple),
        remaining.accrued,
        1.0,
    )


def _clean_prices(terms: FloatArray, yields: FloatArray) -> FloatArray:
    """`bonds.price_from_yield` for arrays, with the coupons summed in closed form."""
    per_period = yields / terms[_FREQUENCY]
    growth = np.log1p(per_period)
    stub = terms[_STUB]
    to_first = np.where(terms[_SIMPLE] > 0, 1.0 / (1.0 + stub * per_period), np.exp(-stub * growth))
    annuity = np.expm1(-terms[_PERIODS] * growth) / np.expm1(-growth)
    principal = 100.0 * np.exp(-(terms[_PERIODS] - 1.0) * growth)
    prices: FloatArray = to_first * (terms[_COUPON] * annuity + principal) - terms[_ACCRUED]
    return prices
