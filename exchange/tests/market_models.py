"""Market models of the catalogue for tests, and what to read off their paths."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from exchange.market.rules.ticks import Round
from exchange.simulator.model.arrays import FloatArray
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel, Path

START = datetime(2026, 11, 20, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SPECS = {spec.symbol: spec for spec in CATALOGUE}
STOCKS = [spec.symbol for spec in CATALOGUE if spec.asset_class == "stock"]


def market(seed: int = 1, **changed: Any) -> MarketModel:
    return MarketModel(seed=seed, at=START, **changed)


def walk(model: MarketModel, steps: int, step: timedelta = SECOND) -> list[Round]:
    return [model.step(model.at + step) for _ in range(steps)]


def columns(path: Path, symbols: Sequence[str]) -> FloatArray:
    """The prices of these symbols, shape (steps, symbols)."""
    return path.prices[:, [path.symbols.index(symbol) for symbol in symbols]]


def log_returns(prices: FloatArray) -> Any:
    return np.diff(np.log(prices), axis=0)
