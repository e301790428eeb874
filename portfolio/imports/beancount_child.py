"""Reads a ledger from the standard input by beancount's parser and booking, and says what it books.

A script, run in a process of its own (`beancount_files.py`): the parser is in C, and some malformed
text ends its process. So this one has little time and memory, can open no file, and has none of the
broker in it. What it prints is JSON: `errors` as [line, message], or the `assets` account and the
`postings` as [account, number, currency, cost or null, line, day].
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

# A posting is booked by looking through the lots of its account, a balance is checked by adding up
# accounts: what takes long for many.
MAX_DIRECTIVES = 3_000
CPU_SECONDS = 20
BYTES = 2**30


def read(text: str) -> dict[str, Any]:
    """What the ledger books, or the errors in it."""
    import resource  # not on every system

    from beancount.ops import balance, validation
    from beancount.parser import booking, parser

    # All that is needed is imported by now, so nothing has to be opened any more.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    entries, errors, settings = parser.parse_string(text)
    if errors:
        return _wrong(errors)
    if settings["plugin"] or settings["include"]:
        return {"errors": [[1, "a plugin or an include is not carried out"]]}
    postings = sum(len(getattr(entry, "postings", None) or ()) for entry in entries)
    if max(len(entries), postings) > MAX_DIRECTIVES:
        return {"errors": [[1, f"it has more than {MAX_DIRECTIVES} directives or postings"]]}
    # None of these has types.
    booked, errors = booking.book(entries, settings)  # type: ignore[no-untyped-call]
    errors += validation.validate_check_transaction_balances(booked, settings)  # type: ignore[no-untyped-call]
    if not errors:
        errors = balance.check(booked, settings)[1]  # type: ignore[no-untyped-call]
    return _wrong(errors) if errors else _booked(booked, settings["name_assets"])


def _wrong(errors: Iterable[Any]) -> dict[str, Any]:
    return {
        "errors": [
            [int(error.source["lineno"]), " ".join(error.message.split())[:200]] for error in errors
        ]
    }


def _booked(entries: Iterable[Any], assets: str) -> dict[str, Any]:
    return {
        "errors": [],
        "assets": assets,
        "postings": [
            [
                posting.account,
                str(posting.units.number),
                posting.units.currency,
                _cost(posting.cost),
                int(posting.meta["lineno"]),
                entry.date.isoformat(),
            ]
            for entry in entries
            for posting in getattr(entry, "postings", None) or ()
        ],
    }


def _cost(cost: Any) -> list[str] | None:
    if cost is None:
        return None
    return [str(cost.number), cost.currency, cost.date.isoformat(), cost.label or ""]


def main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(read(sys.stdin.buffer.read().decode()), sys.stdout)


if __name__ == "__main__":
    main()
