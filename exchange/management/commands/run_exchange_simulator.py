"""manage.py run_exchange_simulator"""

import signal
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from rich.console import Console

from be.database import transactions
from be.database.base_commands import DatabaseCommand
from exchange.corporate import splits
from exchange.models import AssetClass, Instrument, Quote, Simulator
from exchange.seeding import seeding
from exchange.simulator.run import lease, live_view
from exchange.simulator.run.runner import Runner, continue_model
from exchange.simulator.sources import replay, scenarios
from exchange.simulator.sources.replay import Replay
from exchange.simulator.sources.round_source import RoundSource
from exchange.simulator.sources.scenarios import RunningScenario

LONGEST_INTERVAL = 3600
HIGHEST_SPEED = 100_000
LARGEST_SEED = 2**64 - 1
REPLAY_OPTIONS = ("symbol", "columns", "date_format", "no_header", "rescale", "stop_after_replay")


class Command(DatabaseCommand):
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
        parser.add_argument(
            "--speed", type=float, default=1.0, help="simulated seconds in a second (default 1)"
        )
        parser.add_argument(
            "--replay",
            type=Path,
            nargs="+",
            metavar="FILE",
            help="CSV files of bars or trades that take the place of the model for their symbols",
        )
        parser.add_argument(
            "--symbol", help="whose prices a replay has, or which of its symbols to play"
        )
        parser.add_argument(
            "--columns",
            help="what each column of a replay is, in order: time (or date,time), open, high, low, "
            "close or price, volume, turnover (a volume in dollars), symbol, _ (nothing to read)",
        )
        parser.add_argument(
            "--date-format", help="how a replay writes its times, as strptime does: %%m/%%d/%%Y"
        )
        parser.add_argument(
            "--no-header", action="store_true", help="the first line of a replay is a row already"
        )
        parser.add_argument(
            "--bad-rows",
            choices=("refuse", "skip"),
            default="refuse",
            help="what to do with rows of a replay that can't be right (default %(default)s)",
        )
        parser.add_argument(
            "--rescale",
            action="store_true",
            help="multiply a replay's prices so that they begin where the market is",
        )
        parser.add_argument(
            "--stop-after-replay", action="store_true", help="end when the files have been played"
        )
        parser.add_argument(
            "--scenario",
            metavar="NAME",
            help=f"play one of {', '.join(scenarios.names())}, or a TOML file",
        )
        parser.add_argument(
            "--plain", action="store_true", help="write lines, also into a terminal"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        if not seeding.is_seeded():
            self.stdout.write("The market is empty: seeding it.")
            call_command("seed_market", stdout=self.stdout)
        instruments = Instrument.objects.in_bulk(field_name="symbol")
        listed = {symbol: instrument.asset_class for symbol, instrument in instruments.items()}
        recordings = self._recordings(options, instruments)
        scenario = self._scenario(options["scenario"], listed)
        holder = lease.new_holder()
        try:
            simulator = lease.acquire(holder, now=timezone.now())
        except lease.LeaseTaken as error:
            raise CommandError(str(error)) from error
        try:
            model = continue_model(simulator, seed=options["seed"], now=timezone.now())
            source = RoundSource(
                model,
                listed=listed,
                speed=options["speed"],
                interval=options["interval"],
                replay=self._replay(recordings, instruments, rescale=options["rescale"]),
                scenario=scenario,
            )
            self._run(source, holder, listed, options)
        finally:
            lease.release(holder)

    def _run(
        self,
        source: RoundSource,
        holder: str,
        listed: Mapping[str, str],
        options: Mapping[str, Any],
    ) -> None:
        title = (
            f"Simulating {len(listed)} instruments, a round every {options['interval']:g} s. "
            "Ctrl+C stops."
        )
        self.stdout.write(title)
        view = self._view(title, plain=options["plain"])
        runner = Runner(
            source,
            holder=holder,
            interval=options["interval"],
            duration=options["duration"],
            clock=timezone.now,
            stop=_stop_signal(),
            report=view.show,
            listed=listed,
            stop_after_replay=options["stop_after_replay"],
        )
        try:
            with view.open():
                done = runner.run()
        except lease.LeaseLost as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Stopped after {live_view.line(done)}")

    def _view(self, title: str, *, plain: bool) -> live_view.View:
        if self.stdout.isatty() and not plain:
            return live_view.Screen(Console(), began=timezone.now(), title=title)
        return live_view.Lines(self.stdout.write)

    def _recordings(
        self, options: Mapping[str, Any], instruments: Mapping[str, Instrument]
    ) -> list[replay.Recording]:
        paths: Sequence[Path] = options["replay"] or ()
        if not paths:
            if any(options[name] for name in REPLAY_OPTIONS):
                names = ", ".join(f"--{name.replace('_', '-')}" for name in REPLAY_OPTIONS)
                raise CommandError(f"{names} go with --replay FILE.csv.")
            return []
        if settings.EXCHANGE_MARKET_HOURS:
            raise CommandError("A replay needs a market that is always open: see .env.example.")
        asked = options["symbol"]
        symbol = None if asked is None else replay.find_symbol(asked, instruments)
        if asked is not None and symbol is None:
            raise CommandError(f"There is no instrument {asked}.")
        form = replay.FileFormat(
            options["columns"], options["date_format"], not options["no_header"]
        )
        skip = options["bad_rows"] == "skip"
        return [self._recording(path, instruments, symbol, form, skip) for path in paths]

    def _recording(
        self,
        path: Path,
        instruments: Mapping[str, Instrument],
        symbol: str | None,
        form: replay.FileFormat,
        skip: bool,
    ) -> replay.Recording:
        try:
            recording = replay.read(path, instruments, symbol=symbol, form=form)
            replay.refuse_problems(recording, skip=skip)
        except (OSError, replay.BadReplayFile) as error:
            raise CommandError(f"Can't replay {path}: {error}") from error
        for problem in recording.problems:
            self.stderr.write(f"{path.name}, {problem}")
        for note in recording.notes:
            self.stdout.write(f"{path.name}: {note}.")
        first, last = recording.rows[0].at, recording.rows[-1].at
        self.stdout.write(
            f"Replaying {len(recording.rows)} rows of {', '.join(recording.symbols())}, "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}."
        )
        return recording

    def _replay(
        self,
        recordings: Sequence[replay.Recording],
        instruments: Mapping[str, Instrument],
        *,
        rescale: bool,
    ) -> Replay | None:
        if not recordings:
            return None
        prices, ratios = _prices_and_split_ratios()
        scale = replay.scale_to(recordings, prices)
        if rescale:
            return Replay(recordings, instruments, scale, ratios)
        for symbol, factor in replay.far_from_market(scale).items():
            self.stderr.write(_far_from_market(instruments[symbol], prices[symbol], factor))
        return Replay(recordings, instruments, split_ratios=ratios)

    def _scenario(self, name: str | None, listed: Mapping[str, str]) -> RunningScenario | None:
        if name is None:
            return None
        try:
            scenario = scenarios.read(scenarios.find(name), listed)
        except (OSError, scenarios.BadScenario) as error:
            raise CommandError(f"Can't play {name}: {error}") from error
        self.stdout.write(f"{scenario.title} ({scenario.length:g} s): {scenario.summary}")
        return RunningScenario(scenario)


def _far_from_market(instrument: Instrument, price: Decimal, factor: Decimal) -> str:
    percent = " A bond's price is in percent of its face value: yields are none."
    return (
        f"{instrument.symbol}: the market is at {price.normalize():f}, and the replay begins at "
        f"{price / factor:.6g}. --rescale lets it begin where the market is."
        f"{percent if instrument.asset_class == AssetClass.BOND else ''}"
    )


@transactions.atomic
def _prices_and_split_ratios() -> tuple[dict[str, Decimal], dict[str, Fraction]]:
    """Last prices, and the split ratios at the same moment."""
    list(Simulator.objects.select_for_update().values_list("pk"))  # as a split does
    return dict(
        Quote.objects.values_list("instrument__symbol", "price")
    ), splits.cumulative_ratios()


def _check(options: Mapping[str, Any]) -> None:
    """Refuse numbers that make no sense, NaN among them."""
    if not 0 < options["interval"] < LONGEST_INTERVAL:
        raise CommandError("--interval must be more than 0 seconds and less than an hour.")
    if options["duration"] is not None and not options["duration"] >= 0:
        raise CommandError("--duration is a number of seconds.")
    if not 0 < options["speed"] <= HIGHEST_SPEED:
        raise CommandError(f"--speed must be more than 0 and at most {HIGHEST_SPEED}.")
    if not 0 <= options["seed"] <= LARGEST_SEED:
        raise CommandError("--seed is from 0 to 2**64 - 1.")


def _stop_signal() -> Event:
    """An event that Ctrl+C and SIGTERM set."""
    stop = Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    return stop
