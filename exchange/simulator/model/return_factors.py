"""Return factors: stochastic volatility with leverage, and compensated jumps.

Each factor (the market, a sector, a name's own) has a volatility v. Its logarithm is a sum of four
Ornstein-Uhlenbeck components with time scales from under an hour to five months, after the
multi-scale models of Fouque, Papanicolaou and Sircar (*Derivatives in Financial Markets with
Stochastic Volatility*, 2000) and LeBaron ("Stochastic volatility as a simple generator of apparent
financial power laws and long memory", 2001). It is normalised so that E[v^2] = 1. The return over
a step is

    v x (sqrt(0.88) dW + dJ - E[dJ])        v as it stood when the step began

where J is a compound Poisson process with capped Pareto(3) sizes that carries 12 % of the variance.
W correlates with the shocks of the components slower than an hour (the leverage effect).

The step of the components together with W is drawn from its exact joint Gaussian law, whatever its
length. The number of jumps in a step is Poisson.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from exchange.simulator.model.arrays import FloatArray, IntArray

RELAXATION_SECONDS = (43 * 60.0, 12 * 3600.0, 20 * 86400.0, 150 * 86400.0)
"""The relaxation time of each component of the log-volatility: the time to decay to 1/e."""

_LOG_VARIANCE = (0.29, 0.05, 0.20, 0.145)  # of each component; tuned to the usual stylised facts
_HAS_LEVERAGE = (0.0, 1.0, 1.0, 1.0)  # none inside the hour
_COMPONENTS = len(RELAXATION_SECONDS)

JUMPS_PER_YEAR = 4 * 365.25
_JUMP_SHARE = 0.12  # of the variance
_PARETO = 3.0
_CAP = 18.0  # the largest jump, in smallest jumps
_DOWN = 0.55  # jumps are a little more often down; compensation keeps the mean at zero
# With density 3/x^4 from 1 to the cap, and the rest of the probability at the cap:
_MEAN_SIZE = 1.5 - 0.5 / _CAP**2
_MEAN_SQUARE_SIZE = 3.0 - 2.0 / _CAP
_SMALLEST_JUMP = math.sqrt(_JUMP_SHARE / (JUMPS_PER_YEAR * _MEAN_SQUARE_SIZE))
_MEAN_JUMP = _SMALLEST_JUMP * _MEAN_SIZE * (1.0 - 2.0 * _DOWN)


class ReturnFactors:
    """The volatility and the returns of a fixed list of factors.

    `leverage` holds the correlation of each factor's return with its slower volatility shocks.
    Volatility states have shape (factors, 4), in standard deviations of each component.
    """

    NORMALS = _COMPONENTS + 1
    """Normals that one factor spends on one step."""

    def __init__(self, names: Sequence[str], leverage: Sequence[float]) -> None:
        self.names = tuple(names)
        self._classes, self._class_of = np.unique(np.array(leverage), return_inverse=True)
        self._weights = np.sqrt(np.array(_LOG_VARIANCE))
        self._rates = 1.0 / np.array(RELAXATION_SECONDS)
        stationary = np.array([self._covariance(rho, None) for rho in self._classes])
        self._stationary = np.linalg.cholesky(stationary)[self._class_of]
        log_variance = (stationary * np.outer(self._weights, self._weights)).sum(axis=(1, 2))
        self._offset = log_variance[self._class_of]

    def initial(self, normal: FloatArray) -> FloatArray:
        """A volatility state from the stationary law; `normal` has shape (factors, 4)."""
        state: FloatArray = np.einsum("sij,sj->si", self._stationary, normal)
        return state

    def transition(self, seconds: float) -> tuple[FloatArray, FloatArray]:
        """The law of a step: (decay of the components, mixing of normals).

        Shapes (4,) and (factors, 5, 5). The first of the mixed normals is W's increment over the
        square root of the step. The others are the innovations of the components.
        """
        laws = np.array([self._joint_covariance(rho, seconds) for rho in self._classes])
        scale = np.sqrt(np.diagonal(laws, axis1=1, axis2=2))
        # Factor the correlations: for short steps the covariance itself is too close to zero.
        factor = np.linalg.cholesky(laws / (scale[:, :, None] * scale[:, None, :]))
        mixing: FloatArray = (factor * scale[:, :, None])[self._class_of]
        decay: FloatArray = np.exp(-self._rates * seconds)
        return decay, mixing

    def _joint_covariance(self, rho: float, seconds: float) -> FloatArray:
        """Of (W/sqrt(step), the innovations of the components), over one step."""
        law = np.empty((_COMPONENTS + 1, _COMPONENTS + 1))
        law[0, 0] = 1.0
        law[1:, 1:] = self._covariance(rho, seconds)
        overlap = -np.expm1(-self._rates * seconds) / self._rates
        with_w = rho * np.array(_HAS_LEVERAGE) * np.sqrt(2.0 * self._rates) * overlap
        law[0, 1:] = law[1:, 0] = with_w / math.sqrt(seconds)
        return law

    def _covariance(self, rho: float, seconds: float | None) -> FloatArray:
        """Of the components' innovations over a step; of their stationary law when None.

        Component k follows dY = -Y dt/T_k + sqrt(2/T_k) dB_k, so that its variance is 1. The B_k of
        two components with leverage correlate by rho^2, because both correlate with W.
        """
        tied = rho * np.array(_HAS_LEVERAGE)
        correlation = np.outer(tied, tied)
        np.fill_diagonal(correlation, 1.0)
        total = self._rates[:, None] + self._rates[None, :]
        strength = 2.0 * np.sqrt(np.outer(self._rates, self._rates)) / total
        reached = 1.0 if seconds is None else -np.expm1(-total * seconds)
        covariance: FloatArray = correlation * strength * reached
        return covariance

    def mix(self, mixing: FloatArray, kind: IntArray, normal: FloatArray) -> FloatArray:
        """Correlate normals of shape (n, factors, 5), those of step i by `mixing[kind[i]]`.

        Summed in a fixed order, which BLAS does not promise. Returns shape (5, n, factors).
        """
        if len(mixing) == 1:
            return _mix(mixing[0], normal)
        mixed = np.empty((normal.shape[2], *normal.shape[:2]))
        for number, each in enumerate(mixing):
            steps = np.flatnonzero(kind == number)
            mixed[:, steps] = _mix(each, normal[steps])
        return mixed

    def volatility(self, states: FloatArray) -> FloatArray:
        """v for states of shape (n, factors, 4), shape (n, factors)."""
        weighted = self._weights[0] * states[:, :, 0]
        for component in range(1, _COMPONENTS):
            weighted += self._weights[component] * states[:, :, component]
        weighted -= self._offset
        volatility: FloatArray = np.exp(weighted)
        return volatility


def _mix(mixing: FloatArray, normal: FloatArray) -> FloatArray:
    mixed = np.empty((normal.shape[2], *normal.shape[:2]))
    for row in range(normal.shape[2]):
        total = mixing[:, row, 0] * normal[:, :, 0]
        for column in range(1, row + 1):
            total += mixing[:, row, column] * normal[:, :, column]
        mixed[row] = total
    return mixed


def shocks(w: FloatArray, years: FloatArray, uniforms: Callable[[int], FloatArray]) -> FloatArray:
    """Returns of factors at v = 1 over steps: diffusion and jumps, mean 0, variance `years`.

    `w` are standard normals and `years` the variance time of each step, shape (n, factors).
    `uniforms(k)` gives uniforms of that shape for jump number k of each step, from 0. It is called
    once for each number until no step has a further jump.
    """
    diffusion = math.sqrt(1.0 - _JUMP_SHARE) * np.sqrt(years) * w
    total: FloatArray = diffusion + _jumps(JUMPS_PER_YEAR * years, uniforms)
    return total


def _jumps(expected: FloatArray, uniforms: Callable[[int], FloatArray]) -> FloatArray:
    """Sums of a Poisson number of jumps, less their mean. `expected` is the mean number in a step.

    A step with k jumps so far has another one with probability P(N > k) / P(N >= k). The uniform
    that decides it, rescaled to (0, 1), also gives the size.
    """
    total = -_MEAN_JUMP * expected.ravel()
    steps = np.arange(total.size)  # the steps with `number` jumps or more
    rate, exactly = expected.ravel(), np.exp(-expected.ravel())
    at_least, more = np.ones(total.size), -np.expm1(-expected.ravel())
    number = 0
    while steps.size:
        uniform = uniforms(number).ravel()[steps] * at_least
        hit = uniform < more
        steps, rate, exactly = steps[hit], rate[hit], exactly[hit]
        at_least = more[hit]
        total[steps] += _jump_sizes(uniform[hit] / at_least)
        number += 1
        exactly = exactly * rate / number
        more = np.maximum(at_least - exactly, 0.0)
    return total.reshape(expected.shape)


def _jump_sizes(uniform: FloatArray) -> FloatArray:
    """Signed sizes for uniforms in (0, 1): the lower part of the interval gives down-jumps."""
    down = uniform < _DOWN
    tail = np.where(down, uniform / _DOWN, (uniform - _DOWN) / (1.0 - _DOWN))
    size = np.minimum(np.maximum(tail, np.finfo(np.float64).tiny) ** (-1.0 / _PARETO), _CAP)
    return np.where(down, -size, size) * _SMALLEST_JUMP
