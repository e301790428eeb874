"""Fixed SQL for any number of rows, where the ORM's own work would cost more than the database's.

Only the modules behind the ledger and behind executions use it; everywhere else the ORM is right.

A `Statement` inserts or updates as many rows as it is given. On PostgreSQL the statements of one
call travel together: each is a common table expression, fed with one array a column, so that the
text is always the same and is prepared once. SQLite is a library in this process: there is no trip
to save, and a statement is executed for each row.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, models

Row = tuple[Any, ...]
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Statement:
    """An INSERT or UPDATE: `postgresql` takes one array a column, `sqlite` the values of one row.

    `returning` names columns that a call is to answer with, instead of the number of rows; with
    `exports` they are only for another statement of the same call, whose `postgresql` speaks of
    them as `{exported}`.
    """

    postgresql: str
    sqlite: str
    returning: tuple[str, ...] = ()
    exports: bool = False


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    *,
    suffix: str = "",
    returning: tuple[str, ...] = (),
) -> Statement:
    """Insert rows of these columns; `suffix` is what follows (ON CONFLICT ...)."""
    head = f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
    return Statement(
        # WHERE keeps ON CONFLICT from being read as a join condition.
        f"{head} SELECT * FROM unnest({_arrays(model, columns)}) WHERE true {suffix}",
        f"{head} VALUES ({_placeholders(columns)}) {suffix}",
        returning,
    )


def update(
    model: type[models.Model],
    columns: Sequence[str],
    *,
    sets: str = "",
    where: str = "true",
    returning: tuple[str, ...] = (),
) -> Statement:
    """Update rows, given as values of `columns`, of which the first is the key.

    `sets` and `where` may speak of the row as it is (`old`) and of the values (`given`); left out,
    every column but the key is set to its value. A row that does not fulfil `where` is left alone.
    """
    sets = sets or ", ".join(f"{column} = given.{column}" for column in columns[1:])
    head = f"UPDATE {model._meta.db_table} AS old SET {sets} FROM"
    tail = f"WHERE old.{columns[0]} = given.{columns[0]} AND {where}"
    one = ", ".join(f"%s AS {column}" for column in columns)
    return Statement(
        f"{head} unnest({_arrays(model, columns)}) AS given ({', '.join(columns)}) {tail}",
        f"{head} (SELECT {one}) AS given {tail}",
        tuple(f"old.{column}" for column in returning),
    )


def _arrays(model: type[models.Model], columns: Sequence[str]) -> str:
    types = {field.column: _array_type(field) for field in model._meta.concrete_fields}
    return ", ".join(f"%s::{types[column]}[]" for column in columns)


def _array_type(field: Any) -> str:
    """The type of PostgreSQL in which the values of a field travel."""
    target = getattr(field, "target_field", field)
    for kind, name in _ARRAY_TYPES:
        if isinstance(target, kind):
            return name
    raise TypeError(f"{field} has no array type here")


_ARRAY_TYPES: tuple[tuple[type[Any], str], ...] = (
    (models.UUIDField, "uuid"),
    (models.CharField, "text"),
    (models.DecimalField, "numeric"),
    (models.DateTimeField, "timestamptz"),
    (models.DateField, "date"),
    (models.BooleanField, "boolean"),
    (models.IntegerField, "bigint"),
)


def _placeholders(columns: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(columns))


def run(*parts: tuple[Statement, Sequence[Row]]) -> list[Any]:
    """Execute statements with their rows; for each, how many rows it changed (or `returning`).

    Parts without rows are left out of the SQL. Parts may not depend on each other's rows, except
    by foreign keys that are checked at the commit.
    """
    answers: list[Any] = [[] if _answers(statement) else 0 for statement, _ in parts]
    filled = [number for number, (_, rows) in enumerate(parts) if rows]
    if filled:
        execute = _run_together if connection.vendor == "postgresql" else _run_each
        given = execute([parts[number] for number in filled])
        for number, answer in zip(filled, given, strict=True):
            answers[number] = answer
    return answers


def _run_together(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    sql = _together(tuple(statement for statement, _ in parts))
    params = [list(column) for _, rows in parts for column in zip(*rows, strict=True)]
    with cursor() as cursor_:
        cursor_.execute(sql, params)
        answers: Sequence[Any] = cursor_.fetchone()
    return [
        [tuple(row) for row in answer or []] if _answers(statement) else answer
        for (statement, _), answer in zip(parts, answers, strict=True)
    ]


@cache
def _together(statements: tuple[Statement, ...]) -> str:
    parts, answers, exported = [], [], ""
    for number, statement in enumerate(statements):
        name, returning = f"part{number}", ", ".join(statement.returning) or "1"
        sql = statement.postgresql.replace("{exported}", exported)
        parts.append(f"{name} AS ({sql} RETURNING {returning})")
        columns = returning.replace("old.", "")
        answer = f"json_agg(json_build_array({columns}))" if _answers(statement) else "count(*)"
        answers.append(f"(SELECT {answer} FROM {name})")
        exported = name if statement.exports else exported
    return f"WITH {', '.join(parts)} SELECT {', '.join(answers)}"


def _answers(statement: Statement) -> bool:
    return bool(statement.returning) and not statement.exports


def _run_each(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    answers: list[Any] = []
    with cursor() as cursor_:
        for statement, rows in parts:
            values = [adapt(row) for row in rows]
            if _answers(statement):
                columns = ", ".join(statement.returning).replace("old.", "")
                sql = f"{statement.sqlite} RETURNING {columns}"
                answers.append([one for row in values for one in _returned(cursor_, sql, row)])
            elif len(values) == 1:
                cursor_.execute(statement.sqlite, values[0])
                answers.append(cursor_.rowcount)
            else:
                cursor_.executemany(statement.sqlite, values)
                answers.append(cursor_.rowcount)
    return answers


def _returned(cursor_: Any, sql: str, row: Row) -> list[Row]:
    cursor_.execute(sql, row)
    return [tuple(each) for each in cursor_.fetchall()]


class PreparedCursor(psycopg.Cursor[Any]):
    """Statements are prepared when they are met for the first time: there are few of them.

    Django's own cursors write the values into the text, which can't be prepared.
    """

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        return super().execute(query, params, prepare=True)


@contextmanager
def cursor() -> Iterator[Any]:
    """A cursor of the transaction at hand that counts and logs like Django's."""
    if connection.vendor != "postgresql":
        with connection.cursor() as ours:
            yield ours
        return
    connection.ensure_connection()
    raw = PreparedCursor(connection.connection)
    with connection._prepare_cursor(raw) as ours:  # type: ignore[attr-defined]
        yield ours


def query(sql: str, params: Row) -> list[Row]:
    """All rows of a SELECT; parameters are `%s` on both databases."""
    with cursor() as cursor_:
        cursor_.execute(sql, params if connection.vendor == "postgresql" else adapt(params))
        return list(cursor_.fetchall())


def locking(*tables: str) -> str:
    """FOR UPDATE where the database has it; SQLite has locked everything at BEGIN IMMEDIATE."""
    if connection.vendor != "postgresql":
        return ""
    return f"FOR UPDATE OF {', '.join(tables)}" if tables else "FOR UPDATE"


def among(column: str, values: Sequence[Any]) -> tuple[str, Row]:
    """`column` is one of `values`: text and parameters; on PostgreSQL the text is always the same.

    >>> among("id", [1, 2])  # on SQLite
    ('id IN (%s, %s)', (1, 2))
    """
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", (list(values),)
    return f"{column} IN ({_placeholders(values)})", tuple(values)


class Reader(Generic[M]):
    """Makes model instances of rows that a query of ours has read."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._fields = model._meta.concrete_fields
        self._names = [field.attname for field in self._fields]
        self.width = len(self._fields)

    def columns(self, alias: str) -> str:
        """The select list for all columns of the model, to be read by `make`."""
        return ", ".join(f"{alias}.{field.column}" for field in self._fields)

    def make(self, row: Sequence[Any]) -> M:
        """An instance, as the ORM would have loaded it."""
        if connection.vendor != "postgresql":
            row = [
                None if value is None else convert(value)
                for convert, value in zip(self._from_sqlite, row, strict=True)
            ]
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, row)

    @property
    def _from_sqlite(self) -> list[Callable[[Any], Any]]:
        return _converters(self._model)


@cache
def _converters(model: type[models.Model]) -> list[Callable[[Any], Any]]:
    return [_converter(field) for field in model._meta.concrete_fields]


# SQLite keeps decimals as binary floats, of which fifteen digits can be relied upon.
_FIFTEEN_DIGITS = Context(prec=15)


def _converter(field: Any) -> Callable[[Any], Any]:
    target = getattr(field, "target_field", field)
    if isinstance(target, models.DecimalField):
        exponent = Decimal(1).scaleb(-target.decimal_places)
        return lambda value: _FIFTEEN_DIGITS.create_decimal_from_float(value).quantize(exponent)
    for kind, convert in _FROM_SQLITE:
        if isinstance(target, kind):
            return convert
    return lambda value: value


def _datetime(value: str | datetime) -> datetime:
    """Columns that a query has passed through a subquery come as text, others as datetimes."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _date(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


_FROM_SQLITE: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (models.UUIDField, UUID),
    (models.DateTimeField, _datetime),
    (models.DateField, _date),
    (models.BooleanField, bool),
    (models.JSONField, json.loads),
)


def adapt(row: Sequence[Any]) -> Row:
    """Values as Django writes them into SQLite."""
    return tuple(
        _TO_SQLITE[kind](value) if (kind := type(value)) in _TO_SQLITE else value for value in row
    )


def _naive_utc(at: datetime) -> str:
    return str(at.astimezone(UTC).replace(tzinfo=None))


_TO_SQLITE: dict[type, Callable[[Any], Any]] = {
    UUID: lambda value: value.hex,
    datetime: _naive_utc,
    date: str,
    Decimal: str,
}
