"""Rows in time: whether a file is newest first, and rows that repeat, step back or leave a gap."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from operator import attrgetter

from exchange.models import AssetClass, Instrument
from exchange.simulator.sources.replay.rows import Row
from exchange.simulator.sources.replay.rules.refusals import Problem

LONGEST_PAUSE = timedelta(days=7)
"""A longer time between two rows is a gap. (In September 2001 the NYSE was closed for six days.)"""
QUIET = timedelta(hours=1)
"""Up to this time between two bars is no gap: sources leave out minutes without a trade."""

_FIRST_ROWS = 500  # from which the usual step between rows is read


@dataclass(frozen=True, slots=True)
class Ordered:
    """Rows, oldest first; the problems of the others; the symbols whose rows were newest first."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    turned: tuple[str, ...]


def in_order(rows: Iterable[Row], instruments: Mapping[str, Instrument]) -> Ordered:
    """The rows of all symbols, oldest first, without those that do not come after the one before.

    A row after a gap is kept, though the gap is a problem.
    """
    of_symbol: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_symbol[row.symbol].append(row)
    kept: list[Row] = []
    problems: list[Problem] = []
    turned = [symbol for symbol, some in of_symbol.items() if _is_newest_first(some)]
    for symbol, some in of_symbol.items():
        if symbol in turned:
            some.reverse()
        good, bad = _of_one(some, instruments[symbol])
        kept += good
        problems += bad
    kept.sort(key=attrgetter("at"))
    return Ordered(tuple(kept), tuple(problems), tuple(turned))


def _is_newest_first(rows: Sequence[Row]) -> bool:
    """Whether more rows are older than the one above them than are newer."""
    back = sum(after.at < before.at for before, after in pairwise(rows))
    on = sum(after.at > before.at for before, after in pairwise(rows))
    return back > on


def _of_one(rows: Sequence[Row], instrument: Instrument) -> tuple[list[Row], list[Problem]]:
    step = _usual_step(rows)
    kept: list[Row] = []
    problems: list[Problem] = []
    for row in rows:
        before = kept[-1] if kept else None
        if before is not None:
            if not _comes_after(before, row):
                problems.append(Problem(row.line, _not_after(row, before)))
                continue
            if _is_gap(before, row, step, instrument):
                missing = f"nothing between {shown(before.at)} and {shown(row.at)} (a gap)"
                problems.append(Problem(row.line, missing))
        kept.append(row)
    return kept, problems


def _comes_after(before: Row, row: Row) -> bool:
    """Two trades may have the same time; two bars may not."""
    return row.at > before.at or (row.at == before.at and not (row.is_bar or before.is_bar))


def _not_after(row: Row, before: Row) -> str:
    if row.at == before.at:
        return f"a second row of {shown(row.at)} (the first: line {before.line})"
    back = before.at - row.at
    return (
        f"{shown(row.at)} does not come after {shown(before.at)} of line {before.line}, "
        f"but {back.total_seconds() / 60:.0f} minutes before it"
    )


def shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if at.time() == datetime.min.time() else f"{at:%Y-%m-%d %H:%M:%S}"


def _usual_step(rows: Sequence[Row]) -> timedelta | None:
    """The usual time between two bars; None for trades, which are irregular."""
    if not rows[0].is_bar:
        return None
    first = islice(pairwise(rows), _FIRST_ROWS)
    steps = [
        (after.at - before.at).total_seconds() for before, after in first if after.at > before.at
    ]
    return timedelta(seconds=statistics.median(steps)) if steps else None


def _is_gap(before: Row, after: Row, step: timedelta | None, instrument: Instrument) -> bool:
    """Whether bars are missing. Nights, weekends and holidays are no gap, except for coins."""
    distance = after.at - before.at
    if distance > LONGEST_PAUSE:
        return step is None or distance > 2 * step
    if step is None or distance <= 1.5 * step or distance <= QUIET:
        return False
    return instrument.asset_class == AssetClass.CRYPTO or before.day == after.day
