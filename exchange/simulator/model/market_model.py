"""The simulated market: correlated prices with volatility that clusters, jumps and fat tails.

A step of any length leads from one market to the next:

    chance (draws) -> sources of return -> names and baskets, curve and bonds -> quotes

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
from exchange.market.rules.ticks import Round, on_grid
from exchange.simulator.model import draws, pacing, return_sources, stored, variance_clock
from exchange.simulator.model.curve import Curve
from exchange.simulator.model.draws import FloatArray, IntArray
from exchange.simulator.model.moments import MICROSECOND, microseconds, moment, settlement_days
from exchange.simulator.model.names import COINS, REVERSION, Baskets, Names, is_priced_name
from exchange.simulator.model.quoting import Grid, Quoting
from exchange.simulator.model.return_sources import Sources
from exchange.simulator.model.universe import CATALOGUE, InstrumentSpec

__all__ = ["MarketModel", "Path", "on_grid"]

_BLOCK = 1024  # parts of steps that are drawn at once; it has no influence on the result
_SEEDS = 2**64
_START_STREAM, _SOURCE_STREAM, _CURVE_STREAM, _QUOTE_STREAM, _FIRST_JUMP_STREAM = range(5)


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

    Prices that come and go are in today's shares, of which splits have made `shares` out of each
    share of the catalogue (see `count_in`). Inside, and in the state, shares are the catalogue's:
    so a split changes nothing but how a price is told.
    """

    _volatility: FloatArray  # of the sources, shape (sources, 4)
    _felt: FloatArray  # v of the sources that returns feel until the next quarter, shape (sources,)
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
        shares: Mapping[str, Fraction] | None = None,
    ) -> None:
        if not 0 <= seed < _SEEDS:
            raise ValueError("a seed is between 0 and 2**64 - 1")
        if tick < 0:
            raise ValueError("ticks are counted from 0")
        self._seed, self._tick, self._at = seed, tick, microseconds(at)
        self._specs = tuple(specs)
        self.symbols: Final = tuple(spec.symbol for spec in specs)
        self._build()
        self._shares = self._shares_of(shares or {})
        self._quoting = Quoting(specs, self._shares)
        self._start(prices or {})

    @property
    def at(self) -> datetime:
        """The moment the market is at, in UTC."""
        return moment(self._at)

    @property
    def tick(self) -> int:
        """How many draws the market has made: a step makes one for each quarter that it touches."""
        return self._tick

    def step(self, at: datetime, *, traded: float = 1.0) -> Round:
        """Advance to `at` and quote. Raises ValueError unless `at` is later than the market.

        Volumes are so much of what trades in the step: less than 1 where nobody traded for a part.
        """
        grid = self.quote(at, traded=traded)
        return Round(at=self.at, ticks=self._quoting.ticks(grid))

    def quote(self, at: datetime, *, traded: float = 1.0) -> Grid:
        """Like `step`, but with quotes as arrays of integers: for thousands of instruments."""
        rows = self._advance(microseconds(at) - self._at, 1, traded)
        return self._quoting.grid(rows.prices, rows.volumes, rows.lively, rows.noise)

    def path(self, start: datetime, step: timedelta, steps: int) -> Path:
        """Advance by `steps` steps of length `step` from `start`, fast; the market stays there.

        A `start` later than the market is reached by a step of its own, which is not returned.
        Raises ValueError for an earlier `start`, and when there is nothing to do.
        """
        if steps < 1:
            raise ValueError("a path has at least one step")
        gap = microseconds(start) - self._at
        if gap < 0:
            raise ValueError(f"the market is already at {self.at}, after {start}")
        if gap > 0:
            self._advance(gap, 1)
        first = self.at
        rows = self._advance(step // MICROSECOND, steps)
        times = tuple(first + step * number for number in range(1, steps + 1))
        return Path(symbols=self.symbols, times=times, prices=rows.prices, volumes=rows.volumes)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to continue exactly; made of strings, numbers, lists and dicts."""
        return {
            "format": stored.FORMAT,
            "at": self.at.isoformat(),
            "tick": self._tick,
            "volatility": stored.by_name(self._sources.names, self._volatility),
            "felt": stored.by_name(self._sources.names, self._felt),
            "levels": stored.by_name(self._level_names, self._levels),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state` of a model with this seed.

        Parts that the state does not know (an instrument listed since) stay as they are. Raises
        ValueError for a state that is damaged or of another format, and then changes nothing.
        """
        try:
            if state["format"] != stored.FORMAT:
                raise ValueError("it is of another version of the simulator")
            at, tick = microseconds(datetime.fromisoformat(state["at"])), int(state["tick"])
            volatility = stored.merged(self._sources.names, self._volatility, state["volatility"])
            felt = stored.merged(self._sources.names, self._felt, state["felt"])
            levels = stored.merged(self._level_names, self._levels, state["levels"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("that is not a state of the market") from error
        if tick < 0:
            raise ValueError("ticks are counted from 0")
        with np.errstate(over="ignore", invalid="ignore"):
            prices = self._prices(levels[None, :], settlement_days(np.array([at])))
        if not ((np.isfinite(prices) & (prices > 0)).all() and (felt >= 0).all()):
            raise ValueError("the state holds prices that are not positive and finite")
        self._at, self._tick, self._levels = at, tick, levels
        self._volatility, self._felt = volatility, felt
        self._last = prices

    def adopt(self, prices: Mapping[str, Decimal], *, at: datetime | None = None) -> None:
        """Let symbols stand at these prices, and all others where they are; volatility stays.

        With `at` the market is at that moment from now on, also an earlier one. Raises ValueError
        for a price that is not positive.
        """
        stay = dict(zip(self.symbols, self._last[0].tolist(), strict=True))
        if at is not None:
            self._at = microseconds(at)
        self._stand_at(prices, {symbol: stay[symbol] for symbol in stay if symbol not in prices})

    def count_in(self, shares: Mapping[str, Fraction]) -> None:
        """Tell prices and volumes in today's shares: so many new ones for one of the catalogue.

        That is what all splits of a symbol together have made, so it may be told again; a symbol
        that was never split may be left out. No worth changes, nor where it goes from here.
        """
        now = self._shares_of(shares)
        self._last = self._last * self._shares / now
        self._shares = now
        self._quoting = Quoting(self._specs, now)

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
        reversion = np.concatenate([np.full(equity_count, REVERSION), self._curve.rates])
        self._on_coin_clock = np.array([name in coins for name in self._sources.names])
        self._trades_as_coin = np.array([spec.sector == COINS for spec in specs])
        # One more than the sources spend: see variance_clock.Elapsed.
        self._normals = draws.even(len(self._sources.names) * Sources.NORMALS + 1)
        self._pacer = pacing.Pacer(
            self._sources,
            name_reversion=REVERSION,
            level_reversion=reversion,
            curve_reversion=self._curve.rates,
        )
        self.agitate({})

    def _start(self, prices: Mapping[str, Decimal]) -> None:
        count = len(self._sources.names)
        width = draws.even(count * (Sources.NORMALS - 1))
        chance = draws.uniforms(seed=self._seed, stream=_START_STREAM, tick=0, ticks=1, width=width)
        normal = draws.normals(chance)[0, : count * (Sources.NORMALS - 1)]
        self._volatility = self._sources.initial(normal.reshape(count, -1))
        self._felt = self._sources.volatility(self._volatility[None, :])[0]
        self._levels = self._means.copy()
        self._stand_at(prices, {})

    def _stand_at(self, prices: Mapping[str, Decimal], others: Mapping[str, float]) -> None:
        for symbol, price in prices.items():
            if not (price.is_finite() and price > 0):
                raise ValueError(f"the price of {symbol} is not positive")
        shares = dict(zip(self.symbols, np.log(self._shares).tolist(), strict=True))
        for symbol, price in prices.items():
            if symbol in self._names.names:
                level = math.log(price) + shares.get(symbol, 0.0)
                self._levels[self._names.names.index(symbol)] = level
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

    def _advance(self, duration: int, steps: int, traded: float = 1.0) -> _Rows:
        """Take `steps` steps of `duration` microseconds."""
        if duration <= 0:
            raise ValueError(f"the market is at {self.at} and can only go forward")
        edges, ends = pacing.cut(self._at, duration, steps)
        blocks = []
        for first in range(0, len(ends), _BLOCK):
            last = first + _BLOCK
            block = self._take_block(edges[first : last + 1], np.flatnonzero(ends[first:last]))
            blocks.append(self._rows(duration, traded, *block))
        self._at += duration * steps
        if len(blocks) == 1:
            return blocks[0]
        return _Rows(
            *(
                np.concatenate([getattr(block, field) for block in blocks])
                for field in _Rows.__slots__
            )
        )

    def _take_block(
        self, edges: IntArray, ends: IntArray
    ) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Take the parts between `edges`; how it stands at the end of those that end a step.

        That is the moments, levels, volatilities and the noise for quotes.
        """
        ticks = len(edges) - 1
        count = len(self._sources.names)
        pace = self._pacer.of(np.diff(edges))
        normal = draws.normals(self._draw(_SOURCE_STREAM, ticks, self._normals))
        own = normal[:, : count * Sources.NORMALS].reshape(ticks, count, Sources.NORMALS)
        mixed = self._sources.mix(pace.mixing, pace.kind, own)
        volatility = self._feel(edges, self._walk_volatility(pace, mixed[1:]))
        time = variance_clock.elapsed(edges)
        shocks = return_sources.shocks(
            mixed[0],
            self._source_years(time),
            lambda number: self._draw(_FIRST_JUMP_STREAM + number, ticks, count),
        )
        market, apart = mixed[0][:, :1], normal[:, count * Sources.NORMALS :][:, :1]
        coin_market = volatility[:, :1] * time.as_coins_see(market, apart)
        moves = (
            self._names.returns(volatility * shocks, coin_market)
            * pace.shrinkage
            * self._name_agitation
        )
        # The curve is as lively as the stock market, and leans on the market's own shock.
        rates = volatility[:, :1] * np.sqrt(time.stocks)[:, None] * self._curve_agitation
        rates = rates * self._curve.shocks(market, self._curve_normals(ticks))
        levels = self._walk_levels(pace, moves, rates)
        noise = self._quote_noise(ticks, ends)
        self._tick += ticks
        return edges[1:][ends], levels[ends], volatility[ends], noise

    def _feel(self, edges: IntArray, states: FloatArray) -> FloatArray:
        """The volatilities that stand in each part: read at the last quarter, (ticks, sources)."""
        at_quarter = edges[:-1] % pacing.QUARTER == 0
        read = self._sources.volatility(states[at_quarter])
        felt: FloatArray = np.concatenate([self._felt[None, :], read])[np.cumsum(at_quarter)]
        self._felt = felt[-1]
        return felt

    def _source_years(self, time: variance_clock.Elapsed) -> FloatArray:
        """Each source's variance time in each part, shape (ticks, sources)."""
        return np.where(self._on_coin_clock, time.coins[:, None], time.stocks[:, None])

    def _walk_volatility(self, pace: pacing.Pace, innovations: FloatArray) -> FloatArray:
        """The volatility states before each part, shape (ticks, sources, 4)."""
        innovations = np.ascontiguousarray(innovations.transpose(1, 2, 0))
        states = np.empty_like(innovations)
        state = self._volatility.copy()
        for number, decay in enumerate(pace.volatility_decay):
            states[number] = state
            state *= decay
            state += innovations[number]
        self._volatility = state
        return states

    def _walk_levels(self, pace: pacing.Pace, moves: FloatArray, rates: FloatArray) -> FloatArray:
        """Log prices, premiums and curve after each part, shape (ticks, levels)."""
        innovations = np.zeros((len(moves), len(self._levels)))
        innovations[:, : self._name_count] = moves
        innovations[:, self._name_count + self._fund_count :] = (
            self._curve.volatilities * pace.curve_shrinkage * rates
        )
        innovations += self._means * (1 - pace.level_decay)
        levels = np.empty_like(innovations)
        level = self._levels.copy()
        for number, decay in enumerate(pace.level_decay):
            level *= decay
            level += innovations[number]
            levels[number] = level
        self._levels = level
        return levels

    # Prices -------------------------------------------------------------------------------------

    def _rows(
        self,
        duration: int,
        traded: float,
        moments: IntArray,
        levels: FloatArray,
        volatility: FloatArray,
        noise: FloatArray,
    ) -> _Rows:
        """Prices and volumes at the `moments` that end steps."""
        if not len(moments):  # the block ends within a long step
            none = np.empty((0, len(self.symbols)))
            return _Rows(prices=none, volumes=none, lively=none, noise=noise)
        settlements = settlement_days(moments)
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
        time = variance_clock.elapsed(np.concatenate([moments[:1] - duration, moments]))
        years = np.where(self._trades_as_coin, time.coins[:, None], time.stocks[:, None])
        volumes = self._quoting.volumes(moves, years, lively, noise) * self._alive(settlements)
        volumes = volumes * traded
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
        """Prices in today's shares, shape (n, symbols), for levels and settlement days."""
        funds_from, curve_from = self._name_count, self._name_count + self._fund_count
        names = np.exp(np.ascontiguousarray(levels[:, :funds_from]))
        premiums = np.exp(np.ascontiguousarray(levels[:, funds_from:curve_from]))
        return (
            self._in_order(
                names[:, self._market_names],
                self._baskets.values(names) * premiums,
                self._curve.prices(levels[:, curve_from:], settlements),
            )
            / self._shares
        )

    def _shares_of(self, shares: Mapping[str, Fraction]) -> FloatArray:
        return np.array([float(shares.get(symbol, 1)) for symbol in self.symbols])

    def _prices_now(self) -> FloatArray:
        return self._prices(self._levels[None, :], settlement_days(np.array([self._at])))

    def _alive(self, settlements: IntArray) -> FloatArray:
        ones = np.ones((len(settlements), len(self._market_names) + self._fund_count))
        return np.concatenate([ones, self._curve.live(settlements)], axis=1)[:, self._columns]

    def _in_order(self, names: FloatArray, funds: FloatArray, debts: FloatArray) -> FloatArray:
        """Columns of names, funds and bonds in the order of the symbols."""
        return np.concatenate([names, funds, debts], axis=1)[:, self._columns]


def _kind(spec: InstrumentSpec) -> int:
    """0 for a name, 1 for a fund, 2 for a bond."""
    if spec.bond is not None:
        return 2
    return 1 if spec.basket else 0
