"""The SQL statements of a domain call, sent again by the database driver alone.

A call is recorded once: its statements and values, in order. Each replay sends them with new ids in
place of those that the call made. It leaves out everything that Python does in between: rules,
amounts, rows, documents, publishing. So the rate of replays is an upper limit for that of calls.
"""

import re
import sqlite3
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from django.db import connection

ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Recording:
    """Statements with their values; `made` are the ids that each call makes anew."""

    statements: tuple[tuple[str, Any], ...]
    made: frozenset[str]

    def replay_on_postgresql(self, raw: "psycopg.Connection[Any]") -> None:
        """Send all in one transaction, prepared, and fetch the results."""
        fresh = self._fresh()
        with psycopg.RawCursor(raw) as cursor:
            for sql, values in self.statements:
                cursor.execute(sql, _swapped(values, fresh), prepare=True)
                cursor.fetchall()
        raw.commit()

    def replay_on_sqlite(self, raw: sqlite3.Connection) -> None:
        """Execute all in one transaction, and fetch the results."""
        fresh = self._fresh()
        raw.execute("BEGIN IMMEDIATE")
        for sql, values in self.statements:
            if values and isinstance(values[0], tuple):
                raw.executemany(sql, [_swapped(row, fresh) for row in values])
            else:
                raw.execute(sql, _swapped(values, fresh)).fetchall()
        raw.execute("COMMIT")

    def _fresh(self) -> Mapping[str, str]:
        return {key: uuid4().hex if "-" not in key else str(uuid4()) for key in self.made}


def _swapped(values: Sequence[Any], fresh: Mapping[str, str]) -> list[Any]:
    return [_swap(value, fresh) for value in values]


def _swap(value: Any, fresh: Mapping[str, str]) -> Any:
    if isinstance(value, str) and len(value) >= 32:  # noqa: PLR2004 - the shortest id
        for old, new in fresh.items():
            value = value.replace(old, new)
    return value


def record(call: Callable[[], object], *, known: Container[str]) -> Recording:
    """Record what `call` sends. Ids that are not `known` (without dashes) are made by the call."""
    sent: list[tuple[str, Any]] = []
    with _watched(sent):
        call()
    found = {key for _, values in sent for key in _ids(values)}
    return Recording(
        tuple(each for each in sent if not each[0].startswith("BEGIN")),
        frozenset(key for key in found if key.replace("-", "") not in known),
    )


def _ids(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield from ID.findall(value)
        elif isinstance(value, list | tuple):
            yield from _ids(value)


@contextmanager
def _watched(sent: list[tuple[str, Any]]) -> Iterator[None]:
    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        text = sql if connection.vendor == "postgresql" else sql.replace("%s", "?")
        if many:
            sent.append((text, [tuple(row) for row in params]))
        else:
            sent.append((text, list(params or [])))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
