"""The simulated market: correlated prices with volatility that clusters, jumps and fat tails.

A step of any length leads from one market to the next:

    chance (draws) -> sources of return -> names and baskets, curve and bonds -> quotes

The same seed gives the same market, tick for tick, whether it is advanced by `step`, by `path`,
or by a process that was stopped and restored from `state` in between.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from exchange.market import calendar
from exchange.market.ticks import Round, on_grid
from exchange.simulator import clock, draws, sources
from exchange.simulator.curve import Curve
from exchange.simulator.draws import FloatArray, IntArray
from exchange.simulator.names import COINS, REVERSION, Baskets, Names, is_priced_name
from exchange.simulator.quoting import Grid, Quoting
from exchange.simulator.sources import Sources
from exchange.simulator.universe import CATALOGUE, InstrumentSpec

__all__ = ["MarketModel", "Path", "on_grid"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_LONGEST_STEP = 3600 * _SECOND  # in the first hour of a session most of a jump is due: see sources
_BLOCK = 1024  # steps that are drawn at once; it has no influence on the result
_SEEDS = 2**64
_START_STREAM, _SOURCE_STREAM, _CURVE_STREAM, _QUOTE_STREAM = range(4)


@dataclass(frozen=True, slots=True)
class Path:
    """Many steps at once, without quotes.

    `prices` are mid prices and `volumes` what traded in each step, both of shape (steps,
    symbols), columns in the order of `symbols`; row i is the market at `times[i]`, at the end of
    step i.
    """

    symbols: tuple[str, ...]
    times: tuple[datetime, ...]
    prices: FloatArray
    volumes: FloatArray


@dataclass(frozen=True, slots=True)
class _Pace:
    """What does not change while steps have the same length."""

    duration: int  # of a step, in microseconds
    parts: int  # that a step is split into
    volatility_decay: FloatArray
    mixing: FloatArray
    level_decay: FloatArray
    shrinkage: float  # of returns, for reverting within the part
    curve_shrinkage: FloatArray  # the same for the factors of the curve


@dataclass(frozen=True, slots=True)
class _Rows:
    """The market at the end of each step: shapes (steps, symbols), noise wider."""

    prices: FloatArray
    volumes: FloatArray
    lively: FloatArray
    noise: FloatArray


class MarketModel:
    """A market at one moment, which can only be advanced.

    `at` is the moment it starts from and `seed` (0 to 2**64 - 1) its chance. It starts at the
    instruments' start prices, bonds on the usual yield curve, or continues from `prices`, which
    may leave symbols out. `tick` numbers the draws; a market that continues goes on counting, so
    as not to repeat itself. To continue exactly, `restore` a `state`. Raises ValueError for a
    price that is not positive.
    """

    _volatility: FloatArray  # of the sources, shape (sources, 4)
    _levels: FloatArray  # log prices, log premiums, curve
    _last: FloatArray  # prices at `at`, shape (1, symbols)

    def __init__(
        self,
        specs: Sequence[InstrumentSpec] = CATALOGUE,
        *,
        seed: int,
        at: datetime,
        prices: Mapping[str, Decimal] | None = None,
        tick: int = 0,
    ) -> None:
        if not 0 <= seed < _SEEDS:
            raise ValueError("a seed is between 0 and 2**64 - 1")
        if tick < 0:
            raise ValueError("ticks are counted from 0")
        self._seed, self._tick, self._at = seed, tick, _microseconds(at)
        self._specs = tuple(specs)
        self.symbols: Final = tuple(spec.symbol for spec in specs)
        self._build()
        self._start(prices or {})

    @property
    def at(self) -> datetime:
        """The moment the market is at, in UTC."""
        return _moment(self._at)

    @property
    def tick(self) -> int:
        """How many draws the market has made; a step of up to an hour makes one."""
        return self._tick

    def step(self, at: datetime) -> Round:
        """Advance to `at` and quote. Raises ValueError unless `at` is later than the market."""
        grid = self.quote(at)
        return Round(at=self.at, ticks=self._quoting.ticks(grid))

    def quote(self, at: datetime) -> Grid:
        """Like `step`, but with quotes as arrays of integers: for thousands of instruments."""
        rows = self._advance(_microseconds(at) - self._at, 1)
        return self._quoting.grid(rows.prices, rows.volumes, rows.lively, rows.noise)

    def path(self, start: datetime, step: timedelta, steps: int) -> Path:
        """Advance by `steps` steps of length `step` from `start`, fast; the market stays there.

        A `start` later than the market is reached by a step of its own, which is not returned.
        Raises ValueError for an earlier `start`, and when there is nothing to do.
        """
        if steps < 1:
            raise ValueError("a path has at least one step")
        gap = _microseconds(start) - self._at
        if gap < 0:
            raise ValueError(f"the market is already at {self.at}, after {start}")
        if gap > 0:
            self._advance(gap, 1)
        first = self.at
        rows = self._advance(step // _MICROSECOND, steps)
        times = tuple(first + step * number for number in range(1, steps + 1))
        return Path(symbols=self.symbols, times=times, prices=rows.prices, volumes=rows.volumes)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to continue exactly; made of strings, numbers, lists and dicts."""
        return {
            "at": self.at.isoformat(),
            "tick": self._tick,
            "volatility": dict(zip(self._sources.names, self._volatility.tolist(), strict=True)),
            "levels": dict(zip(self._level_names, self._levels.tolist(), strict=True)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state` of a model with this seed.

        Parts that the state does not know (an instrument listed since) stay as they are. Raises
        ValueError for a state that is damaged, and then changes nothing.
        """
        try:
            at, tick = _microseconds(datetime.fromisoformat(state["at"])), int(state["tick"])
            volatility = _merged(self._sources.names, self._volatility, state["volatility"])
            levels = _merged(self._level_names, self._levels, state["levels"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("that is not a state of the market") from error
        if tick < 0:
            raise ValueError("ticks are counted from 0")
        with np.errstate(over="ignore", invalid="ignore"):
            prices = self._prices(levels[None, :], _settlements(np.array([at])))
        if not (np.isfinite(prices) & (prices > 0)).all():
            raise ValueError("the state holds prices that are not positive and finite")
        self._at, self._tick, self._volatility, self._levels = at, tick, volatility, levels
        self._last = prices

    def adopt(self, prices: Mapping[str, Decimal], *, at: datetime | None = None) -> None:
        """Let symbols stand at these prices, and all others where they are; volatility stays.

        With `at` the market is at that moment from now on, also an earlier one. Raises ValueError
        for a price that is not positive.
        """
        stay = dict(zip(self.symbols, self._last[0].tolist(), strict=True))
        if at is not None:
            self._at = _microseconds(at)
        self._stand_at(prices, {symbol: stay[symbol] for symbol in stay if symbol not in prices})

    def shift(self, moves: Mapping[str, float]) -> None:
        """Let symbols jump by these log returns, before the next step.

        ETFs that are not among them follow their baskets. The move is part of the next step's, so
        that volume rises with it.
        """
        targets = {}
        for symbol, price in zip(self.symbols, self._last[0].tolist(), strict=True):
            if symbol in moves:
                targets[symbol] = price * math.exp(moves[symbol])
        for symbol, move in moves.items():
            if symbol in self._names.names:
                self._levels[self._names.names.index(symbol)] += move
        self._fit_baskets_and_bonds(targets)

    def agitate(self, factors: Mapping[str, float]) -> None:
        """Make symbols so many times as lively as they would be, until told otherwise.

        Returns, spreads and volumes grow with it. What ETFs hold besides listed names is as lively
        as the liveliest ETF; the yield curve, as the liveliest bond. It is no part of the state.
        """
        of_kind = [1.0, 1.0, 1.0]
        for spec in self._specs:
            of_kind[_kind(spec)] = max(of_kind[_kind(spec)], factors.get(spec.symbol, 1.0))
        hidden, self._curve_agitation = of_kind[1], of_kind[2]
        self._name_agitation = np.array(
            [
                factors.get(name, hidden if name in self._names.hidden else 1.0)
                for name in self._names.names
            ]
        )
        self._agitation = np.array([factors.get(symbol, 1.0) for symbol in self.symbols])

    # Construction -------------------------------------------------------------------------------

    def _build(self) -> None:
        """Lay out the state: `_levels` holds log prices, then log premiums, then the curve."""
        specs = self._specs
        funds = [spec for spec in specs if spec.basket]
        debts = [(spec.symbol, spec.bond) for spec in specs if spec.bond is not None]
        self._names = Names(specs)
        self._baskets = Baskets(funds, self._names)
        self._curve = Curve([symbol for symbol, _ in debts], [bond for _, bond in debts])
        self._sources = Sources(self._names.sources, self._names.leverage)
        coins = self._names.coin_sources
        self._quoting = Quoting(specs)
        self._name_count, self._fund_count = len(self._names.names), len(funds)
        self._market_names = [
            self._names.names.index(spec.symbol) for spec in specs if is_priced_name(spec)
        ]
        # Where the columns of (names, funds, bonds) stand among the symbols.
        self._columns = np.argsort(np.argsort([_kind(spec) for spec in specs], kind="stable"))
        self._level_names = (
            *(f"price:{name}" for name in self._names.names),
            *(f"premium:{fund.symbol}" for fund in funds),
            *self._curve.names,
        )
        equity_count = self._name_count + self._fund_count
        self._means = np.concatenate(
            [self._names.anchors, np.zeros(self._fund_count), self._curve.means]
        )
        self._reversion = np.concatenate([np.full(equity_count, REVERSION), self._curve.rates])
        self._on_coin_clock = np.array([name in coins for name in self._sources.names])
        self._trades_as_coin = np.array([spec.sector == COINS for spec in specs])
        # One more than the sources spend: see _as_coins_see.
        self._normals = draws.even(len(self._sources.names) * Sources.NORMALS + 1)
        self._pace: _Pace | None = None
        self.agitate({})

    def _start(self, prices: Mapping[str, Decimal]) -> None:
        count = len(self._sources.names)
        width = draws.even(count * (Sources.NORMALS - 1))
        chance = draws.uniforms(seed=self._seed, stream=_START_STREAM, tick=0, ticks=1, width=width)
        normal = draws.normals(chance)[0, : count * (Sources.NORMALS - 1)]
        self._volatility = self._sources.initial(normal.reshape(count, -1))
        self._levels = self._means.copy()
        self._stand_at(prices, {})

    def _stand_at(self, prices: Mapping[str, Decimal], others: Mapping[str, float]) -> None:
        for symbol, price in prices.items():
            if not (price.is_finite() and price > 0):
                raise ValueError(f"the price of {symbol} is not positive")
        for symbol, price in prices.items():
            if symbol in self._names.names:
                self._levels[self._names.names.index(symbol)] = math.log(price)
        self._fit_baskets_and_bonds(
            {**others, **{symbol: float(price) for symbol, price in prices.items()}}
        )
        self._last = self._prices_now()

    def _fit_baskets_and_bonds(self, prices: Mapping[str, float]) -> None:
        """Premiums and bond-specific yields take up what names and curve do not explain."""
        model = dict(zip(self.symbols, self._prices_now()[0].tolist(), strict=True))
        funds = [spec.symbol for spec in self._specs if spec.basket]
        for number, symbol in enumerate(funds):
            if symbol in prices:
                self._levels[self._name_count + number] += math.log(prices[symbol] / model[symbol])
        factors = self._levels[self._name_count + self._fund_count :]
        first_basis = len(factors) - len(self._curve.symbols)
        for number, symbol in enumerate(self._curve.symbols):
            if symbol in prices:
                factors[first_basis + number] = self._curve.basis(
                    factors, calendar.settlement_date(self.at), number, prices[symbol]
                )

    # Steps --------------------------------------------------------------------------------------

    def _advance(self, duration: int, steps: int) -> _Rows:
        """Take `steps` steps of `duration` microseconds."""
        if duration <= 0:
            raise ValueError(f"the market is at {self.at} and can only go forward")
        pace = self._pace_of(duration)
        total = pace.parts * steps
        blocks = []
        start = self._at
        for first in range(0, total, _BLOCK):
            numbers = np.arange(first, min(first + _BLOCK, total) + 1)
            whole, part = np.divmod(numbers, pace.parts)
            # Apart, because part x duration would leave 64 bits for steps of a decade.
            quotient, remainder = divmod(duration, pace.parts)
            within = part * quotient + part * remainder // pace.parts
            edges = start + whole * duration + within
            blocks.append(self._take_block(pace, edges, numbers))
        self._at = start + duration * steps
        if len(blocks) == 1:
            return blocks[0]
        return _Rows(
            *(
                np.concatenate([getattr(block, field) for block in blocks])
                for field in _Rows.__slots__
            )
        )

    def _pace_of(self, duration: int) -> _Pace:
        if self._pace is None or self._pace.duration != duration:
            parts = -(-duration // _LONGEST_STEP)
            seconds = duration / parts / _SECOND
            decay, mixing = self._sources.transition(seconds)
            self._pace = _Pace(
                duration=duration,
                parts=parts,
                volatility_decay=decay,
                mixing=mixing,
                level_decay=np.exp(-self._reversion * seconds),
                shrinkage=float(_shrinkage(np.array(REVERSION), seconds)),
                curve_shrinkage=_shrinkage(self._curve.rates, seconds),
            )
        return self._pace

    def _take_block(self, pace: _Pace, edges: IntArray, numbers: IntArray) -> _Rows:
        """Take the parts between `edges`, and return the rows at those that end a step."""
        ticks = len(edges) - 1
        count = len(self._sources.names)
        chance = self._draw(_SOURCE_STREAM, ticks, self._normals + count)
        normal = draws.normals(chance[:, : self._normals])
        own = normal[:, : count * Sources.NORMALS].reshape(ticks, count, Sources.NORMALS)
        mixed = self._sources.mix(pace.mixing, own)
        states = self._walk_volatility(pace, mixed[1:])
        volatility = self._sources.volatility(states)
        time = clock.elapsed(edges)
        shocks = sources.shocks(mixed[0], chance[:, self._normals :], self._source_years(time))
        market, apart = mixed[0][:, :1], normal[:, count * Sources.NORMALS :][:, :1]
        coin_market = volatility[:, :1] * _as_coins_see(market, apart, time)
        moves = (
            self._names.returns(volatility * shocks, coin_market)
            * pace.shrinkage
            * self._name_agitation
        )
        # The curve is as lively as the stock market, and leans on the market's own shock.
        rates = volatility[:, :1] * np.sqrt(time.stocks)[:, None] * self._curve_agitation
        rates = rates * self._curve.shocks(market, self._curve_normals(ticks))
        levels = self._walk_levels(pace, moves, rates)
        ends = np.flatnonzero(numbers[1:] % pace.parts == 0)
        noise = self._quote_noise(ticks, ends)
        self._tick += ticks
        return self._rows(pace, edges[1:][ends], levels[ends], volatility[ends], noise)

    def _source_years(self, time: clock.Elapsed) -> FloatArray:
        """Each source's variance time in each part, shape (ticks, sources)."""
        return np.where(self._on_coin_clock, time.coins[:, None], time.stocks[:, None])

    def _walk_volatility(self, pace: _Pace, innovations: FloatArray) -> FloatArray:
        """The volatility states before each part, shape (ticks, sources, 4)."""
        innovations = np.ascontiguousarray(innovations.transpose(1, 2, 0))
        states = np.empty_like(innovations)
        state, decay = self._volatility.copy(), pace.volatility_decay
        for number in range(len(innovations)):
            states[number] = state
            state *= decay
            state += innovations[number]
        self._volatility = state
        return states

    def _walk_levels(self, pace: _Pace, moves: FloatArray, rates: FloatArray) -> FloatArray:
        """Log prices, premiums and curve after each part, shape (ticks, levels)."""
        innovations = np.zeros((len(moves), len(self._levels)))
        innovations[:, : self._name_count] = moves
        innovations[:, self._name_count + self._fund_count :] = (
            self._curve.volatilities * pace.curve_shrinkage * rates
        )
        innovations += self._means * (1 - pace.level_decay)
        levels = np.empty_like(innovations)
        level, decay = self._levels.copy(), pace.level_decay
        for number in range(len(innovations)):
            level *= decay
            level += innovations[number]
            levels[number] = level
        self._levels = level
        return levels

    # Prices -------------------------------------------------------------------------------------

    def _rows(
        self,
        pace: _Pace,
        moments: IntArray,
        levels: FloatArray,
        volatility: FloatArray,
        noise: FloatArray,
    ) -> _Rows:
        """Prices and volumes at the `moments` that end steps."""
        if not len(moments):  # the block ends within a long step
            none = np.empty((0, len(self.symbols)))
            return _Rows(prices=none, volumes=none, lively=none, noise=noise)
        settlements = _settlements(moments)
        prices = self._prices(levels, settlements)
        before = np.concatenate([self._last, prices])[:-1]
        moves = np.log(prices / before)
        self._last = prices[-1:].copy()
        names = self._names.liveliness(volatility)
        lively = self._in_order(
            names[:, self._market_names],
            self._baskets.liveliness(names),
            volatility[:, :1] * np.ones(len(self._curve.symbols)),
        )
        lively = lively * self._agitation
        time = clock.elapsed(np.concatenate([moments[:1] - pace.duration, moments]))
        years = np.where(self._trades_as_coin, time.coins[:, None], time.stocks[:, None])
        volumes = self._quoting.volumes(moves, years, lively, noise) * self._alive(settlements)
        return _Rows(prices=prices, volumes=volumes, lively=lively, noise=noise)

    def _draw(self, stream: int, ticks: int, width: int, *, ahead: int = 0) -> FloatArray:
        tick = self._tick + ahead
        return draws.uniforms(seed=self._seed, stream=stream, tick=tick, ticks=ticks, width=width)

    def _curve_normals(self, ticks: int) -> FloatArray:
        count = len(self._curve.names)
        chance = self._draw(_CURVE_STREAM, ticks, draws.even(count))
        return draws.normals(chance)[:, :count]

    def _quote_noise(self, ticks: int, ends: IntArray) -> FloatArray:
        """Of the `ends` among the next `ticks` ticks; the draws of the others stay undrawn."""
        width = self._quoting.width
        if len(ends) == ticks:
            return self._quoting.noise(self._draw(_QUOTE_STREAM, ticks, width))
        chance = [self._draw(_QUOTE_STREAM, 1, width, ahead=end) for end in ends.tolist()]
        return self._quoting.noise(np.concatenate([np.empty((0, width)), *chance]))

    def _prices(self, levels: FloatArray, settlements: IntArray) -> FloatArray:
        """Prices, shape (n, symbols), for levels and settlement days."""
        funds_from, curve_from = self._name_count, self._name_count + self._fund_count
        names = np.exp(np.ascontiguousarray(levels[:, :funds_from]))
        premiums = np.exp(np.ascontiguousarray(levels[:, funds_from:curve_from]))
        return self._in_order(
            names[:, self._market_names],
            self._baskets.values(names) * premiums,
            self._curve.prices(levels[:, curve_from:], settlements),
        )

    def _prices_now(self) -> FloatArray:
        return self._prices(self._levels[None, :], _settlements(np.array([self._at])))

    def _alive(self, settlements: IntArray) -> FloatArray:
        ones = np.ones((len(settlements), len(self._market_names) + self._fund_count))
        return np.concatenate([ones, self._curve.live(settlements)], axis=1)[:, self._columns]

    def _in_order(self, names: FloatArray, funds: FloatArray, debts: FloatArray) -> FloatArray:
        """Columns of names, funds and bonds in the order of the symbols."""
        return np.concatenate([names, funds, debts], axis=1)[:, self._columns]


def _as_coins_see(market: FloatArray, apart: FloatArray, time: clock.Elapsed) -> FloatArray:
    """The market's shocks over parts on the coins' clock: its diffusion without its jumps, (n, 1).

    Over an uneven stretch the two clocks weigh one noise differently: then a part of what coins see
    is `apart` from what stocks see, so that long steps tie them no closer than many short ones.
    """
    overlap = time.overlap[:, None]
    shared = overlap * market + np.sqrt(1.0 - overlap**2) * apart
    seen: FloatArray = np.sqrt(time.coins)[:, None] * shared
    return seen


def _shrinkage(rates: FloatArray, seconds: float) -> FloatArray:
    """What mean reversion within a step leaves of the deviation of its innovation."""
    within = 2.0 * rates * seconds
    left: FloatArray = np.sqrt(-np.expm1(-within) / within)
    return left


def _kind(spec: InstrumentSpec) -> int:
    """0 for a name, 1 for a fund, 2 for a bond."""
    if spec.bond is not None:
        return 2
    return 1 if spec.basket else 0


def _microseconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return (at - _EPOCH) // _MICROSECOND


def _moment(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _settlements(moments: IntArray) -> IntArray:
    """Ordinals of the days on which trades at the moments settle."""
    days = [calendar.settlement_date(_moment(moment)).toordinal() for moment in moments.tolist()]
    return np.array(days, dtype=np.int64)


def _merged(
    names: Sequence[str], current: FloatArray, given: Mapping[str, float | list[float]]
) -> FloatArray:
    """`current` with the values that are `given` by name. Raises ValueError for a bad one."""
    merged = current.copy()
    for number, name in enumerate(names):
        if name in given:
            merged[number] = given[name]
    if not np.isfinite(merged).all():
        raise ValueError("the state of the market is not finite")
    return merged
