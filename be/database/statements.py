"""Fixed SQL for any number of rows, where the ORM would cost more time than the database.

Only the modules behind the ledger, orders, executions, instruments, quotes, candles and the
portfolio use it; everywhere else the ORM is right.

A `Statement` inserts or updates as many rows as it gets. On PostgreSQL the statements of one call
of `run` are sent as one: each is a common table expression over rows that come as one JSON
document. So the text is always the same and is prepared once, and a JSON document is far cheaper to
make than an array for each column. SQLite is a library in this process: there is no round trip to
save, and a statement is executed for each row.
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

from be.database.prepared_statements import PlainCursor, PreparedStatements

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """An INSERT or UPDATE of rows, for both databases; made once, when its module is imported.

    `types` are PostgreSQL's types of a row's values. `postgresql` reads the rows from `{given}`;
    `sqlite` takes the values of one row as parameters. `run` answers with the number of changed
    rows, or with the columns that `returning` names. With `exports` those columns are read by
    another statement of the same call instead, from `{exported}`.
    """

    types: tuple[str, ...]
    postgresql: str
    sqlite: str
    returning: tuple[str, ...] = ()
    exports: bool = False
    returns_rows: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "returns_rows", bool(self.returning) and not self.exports)


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    *,
    suffix: str = "",
    returning: tuple[str, ...] = (),
) -> Statement:
    """Insert rows of these columns; `suffix` is the end of the statement (ON CONFLICT ...)."""
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
    """Update rows by key: rows have the values of `columns`, and the first one is the key.

    `sets` and `where` are SQL that may use the row as it is (`old`) and the values (`given`).
    Without `sets` every column but the key is set to its value. A row that does not fulfil `where`
    stays as it is.
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
    """PostgreSQL's types for these columns."""
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
    (models.JSONField, "jsonb"),
    (models.IntegerField, "bigint"),
)


def _placeholders(columns: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(columns))


def run(*parts: tuple[Statement, Sequence[Row]]) -> list[Any]:
    """Execute statements with their rows; returns the answer of each, as `Statement` says.

    Statements without rows are left out of the SQL. No statement may rely on what another one of
    the call has changed; foreign keys between them are checked at the commit.
    """
    answers: list[Any] = [[] if statement.returns_rows else 0 for statement, _ in parts]
    filled = [number for number, (_, rows) in enumerate(parts) if rows]
    if filled:
        execute = _run_as_one if is_postgresql() else _run_one_by_one
        given = execute([parts[number] for number in filled])
        for number, answer in zip(filled, given, strict=True):
            answers[number] = answer
    return answers


def _run_as_one(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    sql = _combined(tuple(statement for statement, _ in parts))
    answers: Sequence[Any] = execute(sql, [encode(rows) for _, rows in parts])[0]
    return [
        [tuple(row) for row in answer or []] if statement.returns_rows else answer
        for (statement, _), answer in zip(parts, answers, strict=True)
    ]


def encode(rows: Sequence[Row]) -> str:
    """Rows as the JSON document that is sent to PostgreSQL, decimals as text."""
    return _encoder.encode(rows).decode()


_encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")


@cache
def _combined(statements: tuple[Statement, ...]) -> str:
    parts, answers, exported = [], [], ""
    for number, statement in enumerate(statements):
        name, returning = f"part{number}", ", ".join(statement.returning) or "1"
        sql = statement.postgresql.replace("{given}", _rows_from_json(statement, number + 1))
        sql = sql.replace("{exported}", exported)
        parts.append(f"{name} AS ({sql} RETURNING {returning})")
        columns = returning.replace("old.", "")
        answer = f"json_agg(json_build_array({columns}))" if statement.returns_rows else "count(*)"
        answers.append(f"(SELECT {answer} FROM {name})")
        exported = name if statement.exports else exported
    return f"WITH {', '.join(parts)} SELECT {', '.join(answers)}"


def _rows_from_json(statement: Statement, number: int) -> str:
    columns = ", ".join(f"(row->>{at})::{kind}" for at, kind in enumerate(statement.types))
    return (
        f"(SELECT {columns} FROM jsonb_array_elements(${number}::jsonb) "
        "WITH ORDINALITY AS given (row, number) ORDER BY number)"
    )


def _run_one_by_one(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    database = _database()
    with database.wrap_database_errors:
        sqlite = _sqlite(database)
        return [_run_rows(sqlite, *part) for part in parts]


def _run_rows(sqlite: Any, statement: Statement, rows: Sequence[Row]) -> Any:
    sql, values = _sqlite_text(statement), [adapt(row) for row in rows]
    if statement.returns_rows:
        return [answer for row in values for answer in sqlite.execute(sql, row).fetchall()]
    if len(values) == 1:
        return sqlite.execute(sql, values[0]).rowcount
    return sqlite.executemany(sql, values).rowcount


@cache
def _sqlite_text(statement: Statement) -> str:
    sql = statement.sqlite
    if statement.returns_rows:
        sql += f" RETURNING {', '.join(statement.returning).replace('old.', '')}"
    return _with_question_marks(sql)


def _sqlite(database: Any) -> Any:
    """SQLite's own connection, or Django's cursors where statements are counted or logged.

    Django's cursors convert `%s` in every text at each call.
    """
    return _DjangoCursors(database) if database.has_listeners else database.connection


class _DjangoCursors:
    """Executes texts with SQLite's `?` placeholders through Django's cursors."""

    __slots__ = ("_database",)

    def __init__(self, database: Any) -> None:
        self._database = database

    def execute(self, sql: str, values: Row) -> Any:
        return self._database.cursor().execute(sql.replace("?", "%s"), values)

    def executemany(self, sql: str, rows: Sequence[Row]) -> Any:
        return self._database.cursor().executemany(sql.replace("?", "%s"), rows)


def _database() -> Any:
    """Django's connection of this thread, open. Raises in a transaction that has failed."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.connection is None or database.needs_rollback:
        database.ensure_connection()
        database.validate_no_broken_transaction()
    return database


@cache
def _with_question_marks(sql: str) -> str:
    return sql.replace("%s", "?")


def execute(sql: str, params: Sequence[Any], *, planned_anew: bool = False) -> list[Row]:
    """Run one prepared statement of PostgreSQL (`$1`, `$2`) and fetch its rows.

    `planned_anew` is for a statement whose best plan depends on its values: it is not prepared.
    Where Django's statements are counted or logged, it is sent through a cursor of Django's.
    """
    database = _database()
    with database.wrap_database_errors:
        if database.has_listeners:
            cursor = database._prepare_cursor(PlainCursor(database.connection))
            cursor.execute(sql, params)
            return list(cursor.fetchall())
        prepared = PreparedStatements.of_connection(database.connection)
        return prepared.execute(sql, params, planned_anew=planned_anew)


def query(sql: str, params: Row, *, planned_anew: bool = False) -> list[Row]:
    """All rows of a SELECT; parameters are `%s` on both databases."""
    if is_postgresql():
        return execute(_with_numbers(sql), params, planned_anew=planned_anew)
    database = _database()
    with database.wrap_database_errors:
        return list(_sqlite(database).execute(_with_question_marks(sql), adapt(params)))


@cache
def is_postgresql() -> bool:
    """Whether the database is PostgreSQL, and not SQLite; it never changes in a process."""
    return connection.vendor == "postgresql"


@cache
def _with_numbers(sql: str) -> str:
    """The text with PostgreSQL's placeholders `$1`, `$2` in the place of `%s`."""
    first, *rest = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def for_update(*tables: str) -> str:
    """FOR UPDATE, on PostgreSQL; on SQLite BEGIN IMMEDIATE has locked the whole database."""
    if not is_postgresql():
        return ""
    return f"FOR UPDATE OF {', '.join(tables)}" if tables else "FOR UPDATE"


def from_index(column: str, key: str, order: str) -> tuple[str, str]:
    """Condition and order of a list that is read from an index by `column` and then by `key`.

    The list has one value of the column, and is in the `order` (ASC or DESC) of a key that is
    unique by itself. PostgreSQL would leave out of the order what has one value, and might walk
    that unique key through everybody's rows until it has found enough. A list of one value stays
    in the order, which only the index has.

    >>> from_index("owner_id", "id", "DESC")  # on PostgreSQL
    ('owner_id = ANY(ARRAY[%s])', 'owner_id ASC, id DESC')
    """
    if not is_postgresql():
        return f"{column} = %s", f"{key} {order}"
    backwards = "ASC" if order == "DESC" else "DESC"
    return f"{column} = ANY(ARRAY[%s])", f"{column} {backwards}, {key} {order}"


def is_in(column: str, values: Sequence[Any]) -> tuple[str, Row]:
    """The condition that `column` is one of `values`, as SQL and parameters.

    On PostgreSQL the text is the same for any number of values.

    >>> is_in("id", [1, 2])  # on SQLite
    ('id IN (%s, %s)', (1, 2))
    """
    if is_postgresql():
        return f"{column} = ANY(%s)", (list(values),)
    return f"{column} IN ({_placeholders(values)})", tuple(values)


def adapt(row: Sequence[Any]) -> list[Any]:
    """Values as Django stores them in SQLite."""
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
    list: lambda value: _encoder.encode(value).decode(),
}
