"""What a running simulator shows: tables that redraw in a terminal, or a line now and then."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from time import monotonic
from typing import Any, Protocol

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exchange.models import Execution
from exchange.simulator.run.runner import Progress

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_REDRAWS = 0.5
SHOWN = ("AAPL", "SPY", "BTC-USD", "UST-10Y")
FILLS_SHOWN = 8

Write = Callable[[str], Any]


class View(Protocol):
    """Shows the progress after every round; open while the simulator runs."""

    def open(self) -> AbstractContextManager[Any]: ...

    def show(self, progress: Progress) -> None: ...


class Lines:
    """A line every half minute, for logs and pipes."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._next = monotonic() + SECONDS_BETWEEN_LINES

    def open(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def show(self, progress: Progress) -> None:
        if monotonic() >= self._next:
            self._next += SECONDS_BETWEEN_LINES
            self._write(line(progress))


def line(progress: Progress) -> str:
    shown = "  ".join(
        f"{symbol} {progress.prices[symbol]}" for symbol in SHOWN if symbol in progress.prices
    )
    return (
        f"{progress.rounds} rounds, {progress.quotes} quotes, "
        f"{progress.orders_changed} orders changed  {shown}"
    )


class Screen:
    """Rates, last prices and fills, redrawn in place."""

    def __init__(self, console: Console, *, began: datetime, title: str) -> None:
        self._began, self._title = began, title
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._next, self._last = 0.0, (monotonic(), 0, 0)
        self._first: dict[str, Any] = {}

    def open(self) -> AbstractContextManager[Any]:
        return self._live

    def show(self, progress: Progress) -> None:
        """Redraw, but not more often than every half second."""
        for symbol, price in progress.prices.items():
            self._first.setdefault(symbol, price)
        now = monotonic()
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_REDRAWS
        before, rounds, quotes = self._last
        seconds = max(now - before, 1e-3)
        self._last = (now, progress.rounds, progress.quotes)
        rates = (
            f"{(progress.rounds - rounds) / seconds:.1f} rounds/s  "
            f"{(progress.quotes - quotes) / seconds:.0f} quotes/s"
        )
        self._live.update(self._page(progress, rates), refresh=True)

    def _page(self, progress: Progress, rates: str) -> Group:
        fills = Execution.objects.filter(executed_at__gte=self._began)
        newest = fills.select_related("order__instrument").order_by("-executed_at", "-id")
        head = Text(f"{self._title}\n{rates}  {line(progress).partition('  ')[0]}  ", style="bold")
        head.append(f"{fills.count()} fills  Ctrl+C stops", style="dim")
        tables = [price_table(progress.prices, self._first), fill_table(newest[:FILLS_SHOWN])]
        return Group(head, Columns(tables))


def price_table(prices: Mapping[str, Any], first: Mapping[str, Any]) -> Table:
    """Last prices, and their changes since the start."""
    table = Table("symbol", box=None)
    table.add_column("price", justify="right")
    table.add_column("change", justify="right")
    for symbol, price in prices.items():
        change = (price / first[symbol] - 1) * 100
        style = "green" if change > 0 else "red" if change < 0 else ""
        table.add_row(symbol, f"{price}", Text(f"{change:+.2f} %", style=style))
    return table


def fill_table(fills: Iterable[Execution]) -> Table:
    """The newest fills of all customers."""
    table = Table("fill", "side", box=None)
    table.add_column("quantity", justify="right")
    table.add_column("price", justify="right")
    for fill in fills:
        instrument = fill.order.instrument
        quantity = instrument.asset.amount(fill.quantity).normalize()
        table.add_row(
            instrument.symbol, fill.order.side, f"{quantity:f}", f"{fill.price.normalize():f}"
        )
    return table
