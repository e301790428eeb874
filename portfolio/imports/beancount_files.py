"""Beancount: the lots and the dollars that a ledger's asset accounts end with.

The text is read by beancount's parser, and booked by the methods of its accounts, in a process of
its own (`beancount_child.py`): malformed text can end that process. The loader is never called:
there a plugin would run code, and an include or a document would read files. Such directives are
refused, since what they say would be missing. Beancount is under the GPL and not installed with the
broker.
"""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from banking.rules.assets import EXACT, USD
from exchange.simulator.sources.replay.rules.refusals import Problem, Unreadable
from portfolio.imports import beancount_child
from portfolio.imports.rules import amounts, records
from portfolio.imports.rules.records import Action, BadFile, ImportFile, ReadOptions, Record

# How long the other process may take, whatever else the machine does.
SECONDS = 60

_REFUSED = re.compile(r"^[ \t]*(plugin|include|\d{4}[-/]\d{2}[-/]\d{2}[ \t]+(?:pad|document))\b")


def read(text: str, options: ReadOptions) -> ImportFile:
    """The lots and dollars of all asset accounts, or of one and those below it.

    Raises BadFile, which names the lines, and ImportError without beancount.
    """
    if importlib.util.find_spec("beancount") is None:
        raise ImportError("beancount")
    _refuse_what_is_not_done(text)
    found = _booked(text)
    records.require_none([Problem(line, message) for line, message in found["errors"]])
    wanted = options.account or found["assets"]
    postings = _postings(found["postings"], wanted)
    return ImportFile(_left(postings), days=_days(postings))


def _refuse_what_is_not_done(text: str) -> None:
    """Refuse directives that would need the loader."""
    records.require_none(
        [
            Problem(number, f"{found[1].split()[-1]} is not carried out; leave it out")
            for number, line in enumerate(text.split("\n"), start=1)
            if (found := _REFUSED.match(line))
        ]
    )


def _booked(text: str) -> dict[str, Any]:
    """What the other process says. Raises BadFile where it ends without a word."""
    try:
        done = subprocess.run(  # noqa: S603 - our own script; the text is its input
            [sys.executable, "-I", beancount_child.__file__],
            input=text.encode(),
            capture_output=True,
            timeout=SECONDS,
            cwd="/",
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadFile("it takes too long to read") from error
    if done.returncode:
        raise BadFile("beancount can't read it; bean-check may say where")
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


class _Cost(NamedTuple):
    """What a unit of a lot cost, when, and what else tells lots apart."""

    number: str
    currency: str
    day: str
    label: str


@dataclass(slots=True)
class _Held:
    """Units of one lot, and the line of the posting that began it."""

    line: int
    units: Decimal = Decimal(0)


def _postings(booked: Iterable[Sequence[Any]], wanted: str) -> list[Sequence[Any]]:
    return [posting for posting in booked if f"{posting[0]}:".startswith(f"{wanted}:")]


def _days(postings: Iterable[Sequence[Any]]) -> list[tuple[int, date]]:
    return [(line, date.fromisoformat(day)) for *_, line, day in postings]


def _left(postings: Iterable[Sequence[Any]]) -> list[Record]:
    """A record for each lot that is left, and one for the dollars."""
    held: dict[tuple[str, _Cost | None], _Held] = {}
    for _, number, currency, cost, line, _ in postings:
        lot = held.setdefault((currency, None if cost is None else _Cost(*cost)), _Held(line))
        lot.units = EXACT.add(lot.units, Decimal(number))
    problems, found = [], []
    for (currency, of), lot in held.items():
        try:
            if lot.units:
                found.append(_record(currency, of, lot))
        except Unreadable as error:
            problems.append(Problem(lot.line, str(error)))
    records.require_none(problems)
    return found


def _record(currency: str, cost: _Cost | None, lot: _Held) -> Record:
    units = amounts.bounded(lot.units)
    if cost is None and currency == USD.code:
        if units < 0:
            raise Unreadable(f"its dollars end at {units}")
        return _made(lot, Action.DEPOSIT, date(1970, 1, 1), amount=units)
    if cost is None:
        raise Unreadable(f"{units} {currency} are left that have no cost")
    if cost.currency != USD.code:
        raise Unreadable(f"{currency} has a cost in {cost.currency}; USD is taken")
    if units < 0:
        raise Unreadable(f"{units} {currency} are a short position, which is not taken over")
    amount = EXACT.multiply(units, amounts.bounded(Decimal(cost.number)))
    if amount < 0:
        raise Unreadable(f"{currency} has a cost below zero")
    day = date.fromisoformat(cost.day)
    return _made(lot, Action.BUY, day, symbol=currency, quantity=units, amount=amount)


def _made(lot: _Held, action: Action, day: date, **fields: Any) -> Record:
    at = datetime.combine(day, time(), UTC)
    return Record(line=lot.line, action=action, at=at, day=day, **fields)
