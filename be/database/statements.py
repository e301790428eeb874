"""Fixed SQL for any number of rows, where the ORM's own work would cost more than the database's.

Only the modules behind the ledger, executions, quotes and candles use it; everywhere else the ORM
is right.

A `Statement` inserts or updates as many rows as it is given. On PostgreSQL the statements of one
call travel together: each is a common table expression over rows that come as one JSON document,
which takes a fraction of the work that an array for each column takes on our side; the text is
always the same and is prepared once. SQLite is a library in this process: there is no trip to save,
and a statement is executed for each row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS, connection, connections, models

from be.database.prepared import PlainCursor, Prepared

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """An INSERT or UPDATE of rows with these columns; each is made once, and is equal to itself.

    `postgresql` speaks of the rows as `{given}`, `sqlite` takes the values of one. `returning`
    names columns that a call is to answer with, instead of the number of rows; with `exports` they
    are only for another statement of the same call, which speaks of them as `{exported}`.
    """

    types: tuple[str, ...]
    postgresql: str
    sqlite: str
    returning: tuple[str, ...] = ()
    exports: bool = False
    answers: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "answers", bool(self.returning) and not self.exports)


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
        _types(model, columns),
        # WHERE keeps ON CONFLICT from being read as a join condition.
        f"{head} SELECT * FROM {{given}} AS given WHERE true {suffix}",
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
        _types(model, columns),
        f"{head} {{given}} AS given ({', '.join(columns)}) {tail}",
        f"{head} (SELECT {one}) AS given {tail}",
        tuple(f"old.{column}" for column in returning),
    )


def _types(model: type[models.Model], columns: Sequence[str]) -> tuple[str, ...]:
    """The types of PostgreSQL for these columns."""
    fields = {field.column: field for field in model._meta.concrete_fields}
    return tuple(_type(fields[column]) for column in columns)


def _type(field: Any) -> str:
    target = getattr(field, "target_field", field)
    for kind, name in _TYPES:
        if isinstance(target, kind):
            return name
    raise TypeError(f"{field} has no type here")


_TYPES: tuple[tuple[type[Any], str], ...] = (
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
    answers: list[Any] = [[] if statement.answers else 0 for statement, _ in parts]
    filled = [number for number, (_, rows) in enumerate(parts) if rows]
    if filled:
        execute = _run_together if is_postgresql() else _run_each
        given = execute([parts[number] for number in filled])
        for number, answer in zip(filled, given, strict=True):
            answers[number] = answer
    return answers


def _run_together(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    sql = _together(tuple(statement for statement, _ in parts))
    answers: Sequence[Any] = execute(sql, [encode(rows) for _, rows in parts])[0]
    return [
        [tuple(row) for row in answer or []] if statement.answers else answer
        for (statement, _), answer in zip(parts, answers, strict=True)
    ]


def encode(rows: Sequence[Row]) -> str:
    """Rows as the JSON document in which they travel to PostgreSQL, decimals as text."""
    return _encoder.encode(rows).decode()


_encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


@cache
def _together(statements: tuple[Statement, ...]) -> str:
    parts, answers, exported = [], [], ""
    for number, statement in enumerate(statements):
        name, returning = f"part{number}", ", ".join(statement.returning) or "1"
        sql = statement.postgresql.replace("{given}", _given(statement, number + 1))
        sql = sql.replace("{exported}", exported)
        parts.append(f"{name} AS ({sql} RETURNING {returning})")
        columns = returning.replace("old.", "")
        answer = f"json_agg(json_build_array({columns}))" if statement.answers else "count(*)"
        answers.append(f"(SELECT {answer} FROM {name})")
        exported = name if statement.exports else exported
    return f"WITH {', '.join(parts)} SELECT {', '.join(answers)}"


def _given(statement: Statement, number: int) -> str:
    columns = ", ".join(f"(row->>{at})::{kind}" for at, kind in enumerate(statement.types))
    return (
        f"(SELECT {columns} FROM jsonb_array_elements(${number}::jsonb) "
        "WITH ORDINALITY AS given (row, number) ORDER BY number)"
    )


def _run_each(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    database = _database()
    with database.wrap_database_errors:
        sqlite = _sqlite(database)
        return [_run_rows(sqlite, *part) for part in parts]


def _run_rows(sqlite: Any, statement: Statement, rows: Sequence[Row]) -> Any:
    sql, values = _sqlite_text(statement), [adapt(row) for row in rows]
    if statement.answers:
        return [answer for row in values for answer in sqlite.execute(sql, row).fetchall()]
    if len(values) == 1:
        return sqlite.execute(sql, values[0]).rowcount
    return sqlite.executemany(sql, values).rowcount


@cache
def _sqlite_text(statement: Statement) -> str:
    sql = statement.sqlite
    if statement.answers:
        sql += f" RETURNING {', '.join(statement.returning).replace('old.', '')}"
    return _marked(sql)


def _sqlite(database: Any) -> Any:
    """SQLite's own connection, or Django's cursors where somebody listens to Django's statements.

    Django's would look for its `%s` in every text anew.
    """
    return _Spoken(database) if database.has_listeners else database.connection


class _Spoken:
    """Django's cursors, for texts that have SQLite's `?` in the place of `%s`."""

    __slots__ = ("_database",)

    def __init__(self, database: Any) -> None:
        self._database = database

    def execute(self, sql: str, values: Row) -> Any:
        return self._database.cursor().execute(sql.replace("?", "%s"), values)

    def executemany(self, sql: str, rows: Sequence[Row]) -> Any:
        return self._database.cursor().executemany(sql.replace("?", "%s"), rows)


def _database() -> Any:
    """Django's connection of this thread, open, or the error that nothing more can be sent."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.connection is None or database.needs_rollback:
        database.ensure_connection()
        database.validate_no_broken_transaction()
    return database


@cache
def _marked(sql: str) -> str:
    return sql.replace("%s", "?")


def execute(sql: str, params: Sequence[Any]) -> list[Row]:
    """Run one statement of PostgreSQL's (`$1`, `$2`), prepared, and fetch what it answers.

    Where somebody listens to Django's statements, it is counted and logged among them.
    """
    database = _database()
    with database.wrap_database_errors:
        if database.has_listeners:
            cursor = database._prepare_cursor(PlainCursor(database.connection))
            cursor.execute(sql, params)
            return list(cursor.fetchall())
        return Prepared.of(database.connection).execute(sql, params)


def query(sql: str, params: Row) -> list[Row]:
    """All rows of a statement that returns some; parameters are `%s` on both databases."""
    if is_postgresql():
        return execute(_numbered(sql), params)
    database = _database()
    with database.wrap_database_errors:
        return list(_sqlite(database).execute(_marked(sql), adapt(params)))


@cache
def is_postgresql() -> bool:
    """Which of the two dialects is spoken; it never changes while a process lives."""
    return connection.vendor == "postgresql"


@cache
def _numbered(sql: str) -> str:
    """`%s` as PostgreSQL writes it: `$1`, `$2` and so on."""
    first, *rest = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def for_update(*tables: str) -> str:
    """FOR UPDATE where the database has it; SQLite has locked everything at BEGIN IMMEDIATE."""
    if not is_postgresql():
        return ""
    return f"FOR UPDATE OF {', '.join(tables)}" if tables else "FOR UPDATE"


def is_in(column: str, values: Sequence[Any]) -> tuple[str, Row]:
    """`column` is one of `values`: text and parameters; on PostgreSQL the text is always the same.

    >>> is_in("id", [1, 2])  # on SQLite
    ('id IN (%s, %s)', (1, 2))
    """
    if is_postgresql():
        return f"{column} = ANY(%s)", (list(values),)
    return f"{column} IN ({_placeholders(values)})", tuple(values)


def adapt(row: Sequence[Any]) -> list[Any]:
    """Values as Django writes them into SQLite."""
    return [
        _TO_SQLITE[kind](value) if (kind := type(value)) in _TO_SQLITE else value for value in row
    ]


@lru_cache(maxsize=16384)
def _naive_utc(at: datetime) -> str:
    return str(at.astimezone(UTC).replace(tzinfo=None))


_TO_SQLITE: dict[type, Callable[[Any], Any]] = {
    UUID: lambda value: f"{value.int:032x}",
    datetime: _naive_utc,
    date: str,
    Decimal: str,
}
