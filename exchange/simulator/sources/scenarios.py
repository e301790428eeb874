"""Scenarios: TOML files that say what happens to the simulated market, and when.

A file has a `title`, a `summary` and `steps`. Each step has `at`, the second at which it begins,
and `do`, what happens. docs/scenarios.md has the whole format, with examples.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

Action = Literal["move", "volatility", "silence", "halt", "resume", "alert"]
Severity = Literal["low", "medium", "high", "critical"]

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
EVERYTHING = "all"
CLASSES = ("stock", "etf", "crypto", "bond")
SEVERITIES = ("low", "medium", "high", "critical")
# The keys of a step besides `at`, `do` and `symbols`; True for those that are required.
_KEYS: Mapping[str, Mapping[str, bool]] = {
    "move": {"percent": True, "over": False},
    "volatility": {"factor": True, "over": True},
    "silence": {"over": True},
    "halt": {},
    "resume": {},
    "alert": {"title": True, "message": True, "severity": False},
}
_LONGEST = 86_400.0
_LARGEST_FACTOR = 50.0
_PERCENT = (-95.0, 900.0)


class BadScenario(ValueError):
    """The file is not a scenario; the message names the step and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to `symbols`, from second `at` on and for `over` seconds."""

    at: float
    do: Action
    symbols: frozenset[str]
    over: float = 0.0
    move: float = 0.0
    """The log return over the whole step."""
    factor: float = 1.0
    title: str = ""
    message: str = ""
    severity: Severity = "medium"

    @property
    def end(self) -> float:
        return self.at + self.over

    def part(self, start: float, end: float) -> float:
        """The fraction of the step after second `start` and up to `end`, between 0 and 1."""
        if not self.over:
            return float(start < self.at <= end)
        return max(min(end, self.end) - max(start, self.at), 0.0) / self.over


@dataclass(frozen=True, slots=True)
class Scenario:
    title: str
    summary: str
    steps: tuple[Step, ...]

    @property
    def length(self) -> float:
        """Seconds until everything is over."""
        return max(step.end for step in self.steps)


def names() -> list[str]:
    """The scenarios that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find(name_or_path: str) -> Path:
    """The file of a scenario, by its name or its path. Raises BadScenario when there is none."""
    if name_or_path in names():
        return FOLDER / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise BadScenario(
            f"there is no {name_or_path[:80]!r}: name {', '.join(names())}, or a file"
        )
    return path


def read(path: Path, listed: Mapping[str, str]) -> Scenario:
    """Read a scenario file; `listed` has the asset class of each symbol.

    Raises BadScenario, and OSError when the file can't be read.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadScenario(f"this is not TOML: {error}") from error
    _check_keys("the file", document, {"title": True, "summary": True, "steps": True})
    steps = document["steps"]
    if not (isinstance(steps, list) and steps and all(isinstance(step, dict) for step in steps)):
        raise BadScenario("steps: write [[steps]] tables, at least one")
    return Scenario(
        title=_text("title", document["title"]),
        summary=_text("summary", document["summary"]),
        steps=tuple(_step(number, step, listed) for number, step in enumerate(steps, start=1)),
    )


def _step(number: int, table: Mapping[str, Any], listed: Mapping[str, str]) -> Step:
    name = f"step {number}"
    do = _action(name, table.get("do"))
    _check_keys(name, table, {"at": True, "do": True, "symbols": do != "alert", **_KEYS[do]})
    at = _number(f"{name}: at", table["at"], 0.0, _LONGEST)
    over = _number(f"{name}: over", table.get("over", 0.0), 0.0, _LONGEST)
    percent = _number(f"{name}: percent", table.get("percent", 0.0), *_PERCENT)
    severity = table.get("severity", "medium")
    if severity not in SEVERITIES:
        raise BadScenario(f"{name}: severity is one of {', '.join(SEVERITIES)}")
    return Step(
        at=at,
        do=do,
        symbols=_symbols(name, table.get("symbols", EVERYTHING), listed),
        over=over,
        move=math.log1p(percent / 100),
        factor=_number(f"{name}: factor", table.get("factor", 1.0), 0.0, _LARGEST_FACTOR),
        title=_text(f"{name}: title", table.get("title", "-")),
        message=_text(f"{name}: message", table.get("message", "-")),
        severity=severity,
    )


def _action(name: str, value: Any) -> Action:
    for action in get_args(Action):
        if value == action:
            return cast(Action, action)
    raise BadScenario(f"{name}: do is one of {', '.join(_KEYS)}")


def _check_keys(name: str, table: Mapping[str, Any], allowed: Mapping[str, bool]) -> None:
    for key in table:
        if key not in allowed:
            raise BadScenario(f"{name}: {key} has no meaning here; there is {', '.join(allowed)}")
    for key, needed in allowed.items():
        if needed and key not in table:
            raise BadScenario(f"{name}: {key} is missing")


def _number(name: str, value: Any, least: float, most: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and least <= value <= most):
        raise BadScenario(f"{name} is a number from {least:g} to {most:g}")
    return float(value)


def _text(name: str, value: Any) -> str:
    if not (isinstance(value, str) and value.strip()):
        raise BadScenario(f"{name} is a text")
    return value.strip()


def _symbols(name: str, value: Any, listed: Mapping[str, str]) -> frozenset[str]:
    """The symbols that a list of symbols, asset classes or "all" stands for."""
    wanted = [value] if isinstance(value, str) else value
    if not (isinstance(wanted, list) and wanted and all(isinstance(each, str) for each in wanted)):
        raise BadScenario(f"{name}: symbols is a list of symbols, asset classes, or all")
    found: set[str] = set()
    for each in wanted:
        if each == EVERYTHING:
            found.update(listed)
        elif each in CLASSES:
            found.update(symbol for symbol, kind in listed.items() if kind == each)
        elif each in listed:
            found.add(each)
        else:
            raise BadScenario(f"{name}: there is no {each[:20]}")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a scenario does to the prices of one round: log returns, volatility factors, silence."""

    moves: Mapping[str, float]
    factors: Mapping[str, float]
    silent: frozenset[str]


@dataclass(slots=True)
class RunningScenario:
    """A scenario in progress: its second, and the halts, resumptions and alerts still to come."""

    scenario: Scenario
    _second: float = -1.0  # before second 0, whose steps are still to come
    _pending: list[Step] = field(init=False)
    _halted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        events = (step for step in self.scenario.steps if step.do in {"halt", "resume", "alert"})
        self._pending = sorted(events, key=lambda step: step.at)

    @property
    def is_over(self) -> bool:
        return self._second >= self.scenario.length and not self._pending

    @property
    def halted(self) -> frozenset[str]:
        """The symbols that it has halted and not resumed."""
        return frozenset(self._halted)

    def due(self, second: float) -> Step | None:
        """The next halt, resumption or alert up to this second, until `done` removes it."""
        return self._pending[0] if self._pending and self._pending[0].at <= second else None

    def done(self, step: Step) -> None:
        """Remove a step that has been carried out."""
        self._pending.remove(step)
        if step.do == "halt":
            self._halted |= step.symbols
        elif step.do == "resume":
            self._halted -= step.symbols

    def advance(self, second: float) -> Effects:
        """Go on to this second; returns what happens to prices on the way."""
        moves: dict[str, float] = {}
        factors: dict[str, float] = {}
        silent: set[str] = set()
        for step in self.scenario.steps:
            if step.do == "move":
                part = step.part(self._second, second)
                for symbol in step.symbols if part else ():
                    moves[symbol] = moves.get(symbol, 0.0) + step.move * part
            elif step.at <= second < step.end:
                if step.do == "volatility":
                    _multiply(factors, step.symbols, step.factor)
                elif step.do == "silence":
                    silent |= step.symbols
        self._second = second
        return Effects(moves, factors, frozenset(silent))


def _multiply(factors: dict[str, float], symbols: Iterable[str], factor: float) -> None:
    for symbol in symbols:
        factors[symbol] = factors.get(symbol, 1.0) * factor
