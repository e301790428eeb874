"""Market alerts that the simulator sends: large moves, and the alerts of a scenario."""

from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from be.kernel.formats import time_text
from exchange.market.rules.ticks import Round
from exchange.simulator.sources.scenarios import Step

WHOLE_MARKET = "MARKET"
"""Takes the place of the symbol in an alert that is not about a single one."""

WINDOW = timedelta(minutes=5)
LARGE_PERCENT = {"stock": Decimal(5), "etf": Decimal(3), "crypto": Decimal(6), "bond": Decimal(2)}
_VERY_LARGE = 2  # times as much is an alert of high severity


@dataclass(frozen=True, slots=True)
class _Price:
    at: datetime
    price: Decimal


class LargeMoves:
    """Finds prices that have moved far within `WINDOW`; each move gives one alert."""

    def __init__(self, listed: Mapping[str, str]) -> None:
        self._listed = listed
        self._seen: dict[str, deque[_Price]] = {}

    def of(self, round_: Round, halted: Container[str] = ()) -> list[dict[str, Any]]:
        """The alerts of a round. Ticks of halted symbols are ignored."""
        alerts = []
        for tick in round_.ticks:
            if tick.symbol in halted:
                continue
            seen = self._seen.setdefault(tick.symbol, deque())
            while seen and seen[0].at < round_.at - WINDOW:
                seen.popleft()
            if seen:
                percent = (tick.price / seen[0].price - 1) * 100
                large = LARGE_PERCENT[self._listed[tick.symbol]]
                if abs(percent) >= large:
                    alerts.append(_large_move(tick.symbol, percent, large, round_.at))
                    seen.clear()
            seen.append(_Price(round_.at, tick.price))
        return alerts

    def forget(self, symbols: Iterable[str]) -> None:
        """Forget the prices so far: they are in the shares before a split."""
        for symbol in symbols:
            self._seen.pop(symbol, None)


def _large_move(symbol: str, percent: Decimal, large: Decimal, at: datetime) -> dict[str, Any]:
    direction = "up" if percent > 0 else "down"
    return {
        "symbol": symbol,
        "severity": "high" if abs(percent) >= large * _VERY_LARGE else "medium",
        "title": f"{symbol} {direction} {abs(percent):.1f} %",
        "message": f"Within {WINDOW // timedelta(minutes=1)} minutes or less.",
        "timestamp": time_text(at),
    }


def of_step(step: Step, at: datetime) -> dict[str, Any]:
    """The alert of a scenario's step: about its symbol, or the whole market if it has several."""
    return {
        "symbol": next(iter(step.symbols)) if len(step.symbols) == 1 else WHOLE_MARKET,
        "severity": step.severity,
        "title": step.title,
        "message": step.message,
        "timestamp": time_text(at),
    }
