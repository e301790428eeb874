"""The reasons why a file, or a row of it, can't be replayed. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

NAMED = 20
"""How many problems a message lists."""


class BadReplayFile(ValueError):
    """The file can't be replayed; the message names the lines, or the option that helps."""


class Unreadable(ValueError):
    """A cell that can't be read; the message names its text."""


class Ambiguous(Unreadable):
    """A date that may mean two days."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line."""

    line: int
    text: str


def in_words(problems: Iterable[Problem]) -> Iterator[str]:
    """One sentence for each problem, by line; lines in a row with the same problem share one."""
    for text, same in groupby(sorted(problems, key=attrgetter("line")), key=attrgetter("text")):
        lines = [problem.line for problem in same]
        named = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
        yield f"{named}: {text}"


def listed(problems: Sequence[str]) -> str:
    """The first problems, and how many more there are."""
    more = len(problems) - NAMED
    return "; ".join(problems[:NAMED]) + (f"; and {more} more" if more > 0 else "")
