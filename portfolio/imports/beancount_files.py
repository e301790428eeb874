"""Beancount: the lots and the dollars that a ledger's asset accounts end with.

The text is read by beancount's parser, and booked by the methods of its accounts. Its loader is
never called: there a plugin would run code, and an include or a document would read files. Such
directives are refused, since what they say would be missing. Beancount is under the GPL and not
installed with the broker, so it is imported when a file is read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from banking.rules.assets import EXACT, USD
from exchange.simulator.sources.replay.rules.refusals import Problem, Unreadable
from portfolio.imports.rules import amounts, records
from portfolio.imports.rules.records import Action, BadFile, ImportFile, ReadOptions, Record

# A posting is booked by looking through the lots of its account, a balance is checked by adding up
# accounts: what takes long for many.
MAX_DIRECTIVES = 3_000

_REFUSED = re.compile(r"^[ \t]*(plugin|include|\d{4}[-/]\d{2}[-/]\d{2}[ \t]+(?:pad|document))\b")


def read(text: str, options: ReadOptions) -> ImportFile:
    """The lots and dollars of all asset accounts, or of one and those below it.

    Raises BadFile, which names the lines, and ImportError without beancount.
    """
    from beancount.ops import balance, validation
    from beancount.parser import booking, parser

    _refuse_what_is_not_done(text)
    entries, errors, settings = parser.parse_string(text)
    _require_no(errors)
    if settings["plugin"] or settings["include"]:
        raise BadFile("it has a plugin or an include, which are not carried out")
    _require_few(entries)
    # None of these has types.
    booked, errors = booking.book(entries, settings)  # type: ignore[no-untyped-call]
    _require_no(errors)
    _require_no(validation.validate_check_transaction_balances(booked, settings))  # type: ignore[no-untyped-call]
    _require_no(balance.check(booked, settings)[1])  # type: ignore[no-untyped-call]
    wanted = options.account or settings["name_assets"]
    return ImportFile(_left(_postings(booked, wanted)))


def _refuse_what_is_not_done(text: str) -> None:
    """Refuse directives that would need the loader."""
    records.require_none(
        [
            Problem(number, f"{found[1].split()[-1]} is not carried out; leave it out")
            for number, line in enumerate(text.split("\n"), start=1)
            if (found := _REFUSED.match(line))
        ]
    )


def _require_few(entries: Sequence[Any]) -> None:
    postings = sum(len(getattr(entry, "postings", None) or ()) for entry in entries)
    if len(entries) > MAX_DIRECTIVES or postings > MAX_DIRECTIVES:
        raise BadFile(f"it has more than {MAX_DIRECTIVES} directives or postings")


def _require_no(errors: Iterable[Any]) -> None:
    records.require_none(
        [
            Problem(int(error.source["lineno"]), " ".join(error.message.split())[:200])
            for error in errors
        ]
    )


@dataclass(slots=True)
class _Held:
    """Units of one lot, and the line of the posting that began it."""

    line: int
    units: Decimal = Decimal(0)


_Lots = dict[tuple[str, Any], _Held]


def _postings(entries: Iterable[Any], wanted: str) -> Sequence[Any]:
    return [
        posting
        for entry in entries
        for posting in getattr(entry, "postings", None) or ()
        if f"{posting.account}:".startswith(f"{wanted}:")
    ]


def _left(postings: Iterable[Any]) -> list[Record]:
    """A record for each lot that is left, and one for the dollars."""
    held: _Lots = {}
    for posting in postings:
        units, cost = posting.units, posting.cost
        lot = held.setdefault((units.currency, cost), _Held(int(posting.meta["lineno"])))
        lot.units = EXACT.add(lot.units, units.number)
    problems, found = [], []
    for (currency, cost), lot in held.items():
        try:
            if lot.units:
                found.append(_record(currency, cost, lot))
        except Unreadable as error:
            problems.append(Problem(lot.line, str(error)))
    records.require_none(problems)
    return found


def _record(currency: str, cost: Any, lot: _Held) -> Record:
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
    amount = EXACT.multiply(units, amounts.bounded(cost.number))
    if amount < 0:
        raise Unreadable(f"{currency} has a cost below zero")
    return _made(lot, Action.BUY, cost.date, symbol=currency, quantity=units, amount=amount)


def _made(lot: _Held, action: Action, day: date, **fields: Any) -> Record:
    at = datetime.combine(day, time(), UTC)
    return Record(line=lot.line, action=action, at=at, day=day, **fields)
