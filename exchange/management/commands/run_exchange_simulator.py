"""manage.py run_exchange_simulator"""

import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from exchange import seeding
from exchange.market.ticks import Tick
from exchange.models import Instrument
from exchange.simulator import lease, replay
from exchange.simulator.runner import ModelSource, Progress, Runner, continue_model

SECONDS_BETWEEN_REPORTS = 30
LONGEST_INTERVAL = 3600
SHOWN = ("AAPL", "SPY", "BTC-USD", "UST-10Y")


class Command(BaseCommand):
    help = "Move the market: a round of prices every few seconds, fills included. Ctrl+C stops it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interval",
            type=float,
            default=settings.SIMULATOR_INTERVAL_SECONDS,
            help="seconds between rounds (default %(default)s)",
        )
        parser.add_argument("--duration", type=float, help="seconds to run (default: for ever)")
        parser.add_argument("--seed", type=int, default=settings.SIMULATOR_SEED)
        parser.add_argument("--replay", type=Path, help="CSV file of bars that drive --symbol")
        parser.add_argument("--symbol", help="the symbol whose prices come from --replay")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["interval"] < LONGEST_INTERVAL:
            raise CommandError("--interval must be more than 0 seconds and less than an hour.")
        if not seeding.is_seeded():
            raise CommandError("The market is empty. Run: manage.py seed_market")
        replayed = self._replayed(options["replay"], options["symbol"])
        holder = lease.new_holder()
        try:
            simulator = lease.acquire(holder, now=timezone.now())
        except lease.LeaseTaken as error:
            raise CommandError(str(error)) from error
        stop = Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        model = continue_model(simulator, seed=options["seed"], now=timezone.now())
        runner = Runner(
            ModelSource(model, replayed),
            holder=holder,
            interval=options["interval"],
            duration=options["duration"],
            clock=timezone.now,
            stop=stop,
            report=self._reporter(options["interval"]),
        )
        self.stdout.write(
            f"Simulating {len(model.symbols)} instruments, a round every "
            f"{options['interval']:g} s. Ctrl+C stops."
        )
        try:
            done = runner.run()
        except lease.LeaseLost as error:
            raise CommandError(str(error)) from error
        finally:
            lease.release(holder)
        self.stdout.write(f"Stopped after {self._line(done)}")

    def _replayed(self, path: Path | None, symbol: str | None) -> Iterator[Tick] | None:
        if path is None and symbol is None:
            return None
        if path is None or symbol is None:
            raise CommandError("--replay FILE.csv and --symbol SYMBOL go together.")
        instrument = Instrument.objects.filter(symbol=symbol).first()
        if instrument is None:
            raise CommandError(f"There is no instrument {symbol}.")
        try:
            bars = replay.read_bars(path)
        except (OSError, replay.BadReplayFile) as error:
            raise CommandError(f"Can't replay {path}: {error}") from error
        self.stdout.write(
            f"Replaying {len(bars)} bars of {symbol}, {bars[0].date} to {bars[-1].date}."
        )
        return replay.ticks(instrument, bars)

    def _reporter(self, interval: float) -> Any:
        every = max(round(SECONDS_BETWEEN_REPORTS / interval), 1)

        def report(progress: Progress) -> None:
            if progress.rounds % every == 0:
                self.stdout.write(self._line(progress))

        return report

    def _line(self, progress: Progress) -> str:
        prices = {tick.symbol: tick.price for tick in progress.last.ticks} if progress.last else {}
        shown = "  ".join(f"{symbol} {prices[symbol]}" for symbol in SHOWN if symbol in prices)
        return (
            f"{progress.rounds} rounds, {progress.quotes} quotes, "
            f"{progress.orders_changed} orders changed  {shown}"
        )
