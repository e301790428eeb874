"""The simulated market: correlated prices with volatility clustering, jumps and fat tails.

A step of any length leads from one state of the market to the next:

    random draws -> return factors -> names and baskets, yield curve and bonds -> quotes

The same seed gives the same market, tick for tick, whether it is advanced by `step`, by `path`,
or by a process that was stopped and restored from `state` in between.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np

from exchange.market.rules import calendar
from exchange.market.rules.ticks import Round
from exchange.simulator.model import (
    draws,
    return_factors,
    saved_state,
    transitions,
    variance_clock,
)
from exchange.simulator.model.arrays import FloatArray, IntArray
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.pricing import Pricing
from exchange.simulator.model.quoting import Grid, Quoting
from exchange.simulator.model.return_factors import ReturnFactors
from exchange.simulator.model.single_names import COINS, REVERSION
from exchange.simulator.model.specs import InstrumentSpec
from exchange.simulator.model.timestamps import (
    MICROSECOND,
    from_microseconds,
    settlement_days,
    to_microseconds,
)

_BLOCK = 1024  # parts of steps that are drawn at once; it has no influence on the result
_SEEDS = 2**64
_START_STREAM, _FACTOR_STREAM, _CURVE_STREAM, _QUOTE_STREAM, _FIRST_JUMP_STREAM = range(5)


@dataclass(frozen=True, slots=True)
class Path:
    """Many steps at once, without quotes.

    `prices` are mid prices and `volumes` what traded in each step, both of shape (steps,
    symbols), with columns in the order of `symbols`. Row i is the market at `times[i]`, at the end
    of step i.
    """

    symbols: tuple[str, ...]
    times: tuple[datetime, ...]
    prices: FloatArray
    volumes: FloatArray


@dataclass(frozen=True, slots=True)
class _StepEnds:
    """The market at the end of each step: shapes (steps, symbols); `noise` is wider."""

    prices: FloatArray
    volumes: FloatArray
    relative_volatility: FloatArray
    noise: FloatArray


class MarketModel:
    """A market at one moment, which can only be advanced.

    It begins at the moment `at`, and `seed` (0 to 2**64 - 1) decides its random draws. Prices begin
    at the instruments' start prices, bonds on the usual yield curve, or at `prices`, which may
    leave symbols out. `tick` numbers the draws: a market that continues another one goes on
    counting, so that it does not repeat its draws. To continue exactly, `restore` a `state`. Raises
    ValueError for a price that is not positive.

    Prices that are passed in and out are in today's shares. `split_ratios` says how many of them
    one share of the catalogue has become (see `set_split_ratios`). Inside, and in the state, shares
    are the catalogue's. So a split changes no more than the unit that prices are expressed in.
    """

    _volatility: FloatArray  # state of the factors' volatility, shape (factors, 4)
    _held_volatility: FloatArray  # v that scales returns until the next quarter, shape (factors,)
    _levels: FloatArray  # log prices, log premiums, curve: see Pricing
    _last: FloatArray  # prices at `at`, shape (1, symbols)

    def __init__(
        self,
        specs: Sequence[InstrumentSpec] = CATALOGUE,
        *,
        seed: int,
        at: datetime,
        prices: Mapping[str, Decimal] | None = None,
        tick: int = 0,
        split_ratios: Mapping[str, Fraction] | None = None,
    ) -> None:
        if not 0 <= seed < _SEEDS:
            raise ValueError("a seed is between 0 and 2**64 - 1")
        if tick < 0:
            raise ValueError("ticks are counted from 0")
        self._seed, self._tick, self._at = seed, tick, to_microseconds(at)
        self._specs = tuple(specs)
        self.symbols: Final = tuple(spec.symbol for spec in specs)
        self._build()
        self._split_ratios = self._ratios_by_symbol(split_ratios or {})
        self._quoting = Quoting(specs, self._split_ratios)
        self._start(prices or {})

    @property
    def at(self) -> datetime:
        """The moment the market is at, in UTC."""
        return from_microseconds(self._at)

    @property
    def tick(self) -> int:
        """How many draws the market has made: a step makes one for each quarter that it touches."""
        return self._tick

    def step(self, at: datetime, *, traded: float = 1.0) -> Round:
        """Advance to `at` and quote. Raises ValueError unless `at` is later than the market.

        `traded` is the fraction of the step's usual volume that trades: less than 1 if the exchange
        was closed for a part of the step.
        """
        grid = self.quote(at, traded=traded)
        return Round(at=self.at, ticks=self._quoting.ticks(grid))

    def quote(self, at: datetime, *, traded: float = 1.0) -> Grid:
        """Like `step`, but with quotes as arrays of integers: for thousands of instruments."""
        ends = self._advance(to_microseconds(at) - self._at, 1, traded)
        return self._quoting.grid(ends.prices, ends.volumes, ends.relative_volatility, ends.noise)

    def path(self, start: datetime, step: timedelta, steps: int) -> Path:
        """Advance by `steps` steps of length `step` from `start`, fast; the market stays there.

        A `start` later than the market is reached by a step of its own, which is not returned.
        Raises ValueError for an earlier `start`, and when there is nothing to do.
        """
        if steps < 1:
            raise ValueError("a path has at least one step")
        gap = to_microseconds(start) - self._at
        if gap < 0:
            raise ValueError(f"the market is already at {self.at}, after {start}")
        if gap > 0:
            self._advance(gap, 1)
        first = self.at
        ends = self._advance(step // MICROSECOND, steps)
        times = tuple(first + step * number for number in range(1, steps + 1))
        return Path(symbols=self.symbols, times=times, prices=ends.prices, volumes=ends.volumes)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to continue exactly; made of strings, numbers, lists and dicts."""
        return {
            "format": saved_state.FORMAT,
            "at": self.at.isoformat(),
            "tick": self._tick,
            "volatility": saved_state.by_name(self._factors.names, self._volatility),
            "felt": saved_state.by_name(self._factors.names, self._held_volatility),
            "levels": saved_state.by_name(self._pricing.level_names, self._levels),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state` of a model with this seed.

        Parts that the state does not contain (an instrument listed since) stay as they are. Raises
        ValueError for a state that is damaged or of another format, and then changes nothing.
        """
        names, level_names = self._factors.names, self._pricing.level_names
        try:
            if state["format"] != saved_state.FORMAT:
                raise ValueError("it is of another version of the simulator")
            at, tick = to_microseconds(datetime.fromisoformat(state["at"])), int(state["tick"])
            volatility = saved_state.merged(names, self._volatility, state["volatility"])
            held = saved_state.merged(names, self._held_volatility, state["felt"])
            levels = saved_state.merged(level_names, self._levels, state["levels"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("that is not a state of the market") from error
        if tick < 0:
            raise ValueError("ticks are counted from 0")
        with np.errstate(over="ignore", invalid="ignore"):
            prices = self._prices(levels[None, :], settlement_days(np.array([at])))
        if not ((np.isfinite(prices) & (prices > 0)).all() and (held >= 0).all()):
            raise ValueError("the state holds prices that are not positive and finite")
        self._at, self._tick, self._levels = at, tick, levels
        self._volatility, self._held_volatility = volatility, held
        self._last = prices

    def set_prices(self, prices: Mapping[str, Decimal], *, at: datetime | None = None) -> None:
        """Set the prices of some symbols; all others keep theirs, and volatility stays.

        With `at` the market is at that moment from now on, also an earlier one. Raises ValueError
        for a price that is not positive.
        """
        kept = dict(zip(self.symbols, self._last[0].tolist(), strict=True))
        if at is not None:
            self._at = to_microseconds(at)
        self._move_to(prices, {symbol: kept[symbol] for symbol in kept if symbol not in prices})

    def set_split_ratios(self, ratios: Mapping[str, Fraction]) -> None:
        """Express prices and volumes in today's shares.

        A ratio is how many of them one share of the catalogue has become, by all splits of the
        symbol together. So the same ratio may be set again. A symbol that was
        never split may be left out. No holding's value changes, nor does the path from here.
        """
        now = self._ratios_by_symbol(ratios)
        self._last = self._last * self._split_ratios / now
        self._split_ratios = now
        self._quoting = Quoting(self._specs, now)

    def shift(self, moves: Mapping[str, float]) -> None:
        """Let symbols jump by these log returns, before the next step.

        ETFs that are not among them follow their baskets. The move counts as part of the next
        step's, so that volume rises with it.
        """
        targets = {}
        for symbol, price in zip(self.symbols, self._last[0].tolist(), strict=True):
            if symbol in moves:
                targets[symbol] = price * math.exp(moves[symbol])
        names = self._pricing.names.names
        for symbol, move in moves.items():
            if symbol in names:
                self._levels[names.index(symbol)] += move
        self._fit_funds_and_bonds(targets)

    def set_volatility_multipliers(self, multipliers: Mapping[str, float]) -> None:
        """Multiply the volatility of symbols, until the next call; symbols left out have 1.

        Returns, spreads and volumes grow with it. Unlisted holdings of ETFs have the highest
        multiplier of an ETF, and the yield curve the highest of a bond. It is no part of the state.
        """
        of_funds = of_curve = 1.0
        for spec in self._specs:
            multiplier = multipliers.get(spec.symbol, 1.0)
            if spec.bond is not None:
                of_curve = max(of_curve, multiplier)
            elif spec.basket:
                of_funds = max(of_funds, multiplier)
        names = self._pricing.names
        self._curve_multiplier = of_curve
        self._name_multipliers = np.array(
            [
                multipliers.get(name, of_funds if name in names.unlisted else 1.0)
                for name in names.names
            ]
        )
        self._multipliers = np.array([multipliers.get(symbol, 1.0) for symbol in self.symbols])

    # Construction -------------------------------------------------------------------------------

    def _build(self) -> None:
        self._pricing = Pricing(self._specs)
        names = self._pricing.names
        self._factors = ReturnFactors(names.factors, names.leverage)
        self._on_coin_clock = np.array([name in names.coin_factors for name in self._factors.names])
        self._trades_as_coin = np.array([spec.sector == COINS for spec in self._specs])
        # One normal more than the factors spend: see variance_clock.Elapsed.
        self._normals = draws.even(len(self._factors.names) * ReturnFactors.NORMALS + 1)
        self._laws = transitions.TransitionLaws(
            self._factors,
            name_reversion=REVERSION,
            level_reversion=self._pricing.reversion,
            curve_reversion=self._pricing.curve.rates,
        )
        self.set_volatility_multipliers({})

    def _start(self, prices: Mapping[str, Decimal]) -> None:
        count = len(self._factors.names)
        wanted = count * (ReturnFactors.NORMALS - 1)
        uniform = draws.uniforms(
            seed=self._seed, stream=_START_STREAM, tick=0, ticks=1, width=draws.even(wanted)
        )
        normal = draws.normals(uniform)[0, :wanted]
        self._volatility = self._factors.initial(normal.reshape(count, -1))
        self._held_volatility = self._factors.volatility(self._volatility[None, :])[0]
        self._levels = self._pricing.means.copy()
        self._move_to(prices, {})

    def _move_to(self, prices: Mapping[str, Decimal], others: Mapping[str, float]) -> None:
        """Set `prices`, and keep ETFs and bonds at those of the `others` that are given."""
        for symbol, price in prices.items():
            if not (price.is_finite() and price > 0):
                raise ValueError(f"the price of {symbol} is not positive")
        log_ratios = dict(zip(self.symbols, np.log(self._split_ratios).tolist(), strict=True))
        names = self._pricing.names.names
        for symbol, price in prices.items():
            if symbol in names:
                level = math.log(price) + log_ratios.get(symbol, 0.0)
                self._levels[names.index(symbol)] = level
        self._fit_funds_and_bonds(
            {**others, **{symbol: float(price) for symbol, price in prices.items()}}
        )
        self._last = self._prices_now()

    def _fit_funds_and_bonds(self, wanted: Mapping[str, float]) -> None:
        self._pricing.fit_funds_and_bonds(
            self._levels,
            wanted=wanted,
            actual=dict(zip(self.symbols, self._prices_now()[0].tolist(), strict=True)),
            settlement=calendar.settlement_date(self.at),
        )

    # Steps --------------------------------------------------------------------------------------

    def _advance(self, duration: int, steps: int, traded: float = 1.0) -> _StepEnds:
        """Take `steps` steps of `duration` microseconds."""
        if duration <= 0:
            raise ValueError(f"the market is at {self.at} and can only go forward")
        edges, ends = transitions.cut(self._at, duration, steps)
        blocks = []
        for first in range(0, len(ends), _BLOCK):
            last = first + _BLOCK
            block = self._take_block(edges[first : last + 1], np.flatnonzero(ends[first:last]))
            blocks.append(self._step_ends(duration, traded, *block))
        self._at += duration * steps
        if len(blocks) == 1:
            return blocks[0]
        return _StepEnds(
            *(
                np.concatenate([getattr(block, field) for block in blocks])
                for field in _StepEnds.__slots__
            )
        )

    def _take_block(
        self, edges: IntArray, ends: IntArray
    ) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Take the parts between `edges`. Returns the state after the parts that end a step.

        That is their moments, levels and volatilities, and the noise for quotes.
        """
        ticks = len(edges) - 1
        count = len(self._factors.names)
        laws = self._laws.of(np.diff(edges))
        normal = draws.normals(self._draw(_FACTOR_STREAM, ticks, self._normals))
        of_factors = normal[:, : count * ReturnFactors.NORMALS]
        mixed = self._factors.mix(
            laws.mixing, laws.kind, of_factors.reshape(ticks, count, ReturnFactors.NORMALS)
        )
        volatility = self._hold_volatility(edges, self._walk_volatility(laws, mixed[1:]))
        time = variance_clock.elapsed(edges)
        shocks = return_factors.shocks(
            mixed[0],
            self._factor_years(time),
            lambda number: self._draw(_FIRST_JUMP_STREAM + number, ticks, count),
        )
        market, independent = mixed[0][:, :1], normal[:, count * ReturnFactors.NORMALS :][:, :1]
        coin_market = volatility[:, :1] * time.on_coin_clock(market, independent)
        moves = (
            self._pricing.names.returns(volatility * shocks, coin_market)
            * laws.shrinkage
            * self._name_multipliers
        )
        # The curve has the volatility of the stock market, and its shocks correlate with it.
        curve = self._pricing.curve
        rates = volatility[:, :1] * np.sqrt(time.stocks)[:, None] * self._curve_multiplier
        rates = rates * curve.shocks(market, self._curve_normals(ticks))
        levels = self._walk_levels(laws, moves, rates)
        noise = self._quote_noise(ticks, ends)
        self._tick += ticks
        return edges[1:][ends], levels[ends], volatility[ends], noise

    def _hold_volatility(self, edges: IntArray, states: FloatArray) -> FloatArray:
        """The volatility in force in each part, read at the last full quarter: (ticks, factors)."""
        at_quarter = edges[:-1] % transitions.QUARTER == 0
        read = self._factors.volatility(states[at_quarter])
        held: FloatArray = np.concatenate([self._held_volatility[None, :], read])[
            np.cumsum(at_quarter)
        ]
        self._held_volatility = held[-1]
        return held

    def _factor_years(self, time: variance_clock.Elapsed) -> FloatArray:
        """Each factor's variance time in each part, shape (ticks, factors)."""
        return np.where(self._on_coin_clock, time.coins[:, None], time.stocks[:, None])

    def _walk_volatility(
        self, laws: transitions.Transitions, innovations: FloatArray
    ) -> FloatArray:
        """The volatility states before each part, shape (ticks, factors, 4)."""
        innovations = np.ascontiguousarray(innovations.transpose(1, 2, 0))
        states = np.empty_like(innovations)
        state = self._volatility.copy()
        for number, decay in enumerate(laws.volatility_decay):
            states[number] = state
            state *= decay
            state += innovations[number]
        self._volatility = state
        return states

    def _walk_levels(
        self, laws: transitions.Transitions, moves: FloatArray, rates: FloatArray
    ) -> FloatArray:
        """The levels after each part, shape (ticks, levels)."""
        pricing = self._pricing
        innovations = np.zeros((len(moves), len(self._levels)))
        innovations[:, : pricing.name_count] = moves
        innovations[:, pricing.curve_from :] = (
            pricing.curve.volatilities * laws.curve_shrinkage * rates
        )
        innovations += pricing.means * (1 - laws.level_decay)
        levels = np.empty_like(innovations)
        level = self._levels.copy()
        for number, decay in enumerate(laws.level_decay):
            level *= decay
            level += innovations[number]
            levels[number] = level
        self._levels = level
        return levels

    def _step_ends(
        self,
        duration: int,
        traded: float,
        moments: IntArray,
        levels: FloatArray,
        volatility: FloatArray,
        noise: FloatArray,
    ) -> _StepEnds:
        """Prices and volumes at the `moments` that end steps."""
        if not len(moments):  # the block ends within a long step
            none = np.empty((0, len(self.symbols)))
            return _StepEnds(none, none, none, noise)
        settlements = settlement_days(moments)
        prices = self._prices(levels, settlements)
        before = np.concatenate([self._last, prices])[:-1]
        moves = np.log(prices / before)
        self._last = prices[-1:].copy()
        relative = self._pricing.relative_volatility(volatility) * self._multipliers
        time = variance_clock.elapsed(np.concatenate([moments[:1] - duration, moments]))
        years = np.where(self._trades_as_coin, time.coins[:, None], time.stocks[:, None])
        volumes = self._quoting.volumes(moves, years, relative, noise)
        volumes = volumes * self._pricing.has_not_matured(settlements) * traded
        return _StepEnds(prices, volumes, relative, noise)

    # Draws and prices ---------------------------------------------------------------------------

    def _draw(self, stream: int, ticks: int, width: int, *, ahead: int = 0) -> FloatArray:
        tick = self._tick + ahead
        return draws.uniforms(seed=self._seed, stream=stream, tick=tick, ticks=ticks, width=width)

    def _curve_normals(self, ticks: int) -> FloatArray:
        count = len(self._pricing.curve.names)
        uniform = self._draw(_CURVE_STREAM, ticks, draws.even(count))
        return draws.normals(uniform)[:, :count]

    def _quote_noise(self, ticks: int, ends: IntArray) -> FloatArray:
        """Noise for the `ends` among the next `ticks` ticks; that of the others is not drawn."""
        width = self._quoting.width
        if len(ends) == ticks:
            return self._quoting.noise(self._draw(_QUOTE_STREAM, ticks, width))
        uniform = [self._draw(_QUOTE_STREAM, 1, width, ahead=end) for end in ends.tolist()]
        return self._quoting.noise(np.concatenate([np.empty((0, width)), *uniform]))

    def _prices(self, levels: FloatArray, settlements: IntArray) -> FloatArray:
        """Prices in today's shares, shape (n, symbols), for levels and settlement days."""
        return self._pricing.prices(levels, settlements) / self._split_ratios

    def _prices_now(self) -> FloatArray:
        return self._prices(self._levels[None, :], settlement_days(np.array([self._at])))

    def _ratios_by_symbol(self, ratios: Mapping[str, Fraction]) -> FloatArray:
        return np.array([float(ratios.get(symbol, 1)) for symbol in self.symbols])
