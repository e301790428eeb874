"""Fixed SQL for any number of rows, where the ORM's own work would cost more than the database's.

Only the modules behind the ledger, executions, quotes and candles use it; everywhere else the ORM
is right.

A `Statement` inserts or updates as many rows as it is given. On PostgreSQL the statements of one
call travel together: each is a common table expression over rows that come as one JSON document,
which takes a fraction of the work that an array for each column takes on our side; the text is
always the same and is prepared once. SQLite is a library in this process: there is no trip to save,
and a statement is executed for each row.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from functools import cache, cached_property, lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.base import ModelState

from be.api.prepared import PlainCursor, Prepared

Row = tuple[Any, ...]
M = TypeVar("M", bound=models.Model)


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
    answers: list[Any] = [[] if _answers(statement) else 0 for statement, _ in parts]
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
        [tuple(row) for row in answer or []] if _answers(statement) else answer
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
        answer = f"json_agg(json_build_array({columns}))" if _answers(statement) else "count(*)"
        answers.append(f"(SELECT {answer} FROM {name})")
        exported = name if statement.exports else exported
    return f"WITH {', '.join(parts)} SELECT {', '.join(answers)}"


def _given(statement: Statement, number: int) -> str:
    columns = ", ".join(f"(row->>{at})::{kind}" for at, kind in enumerate(statement.types))
    return (
        f"(SELECT {columns} FROM jsonb_array_elements(${number}::jsonb) "
        "WITH ORDINALITY AS given (row, number) ORDER BY number)"
    )


def _answers(statement: Statement) -> bool:
    return bool(statement.returning) and not statement.exports


def _run_each(parts: Sequence[tuple[Statement, Sequence[Row]]]) -> list[Any]:
    with _sqlite_cursor() as cursor:
        return [_run_rows(cursor, *part) for part in parts]


def _run_rows(cursor: Any, statement: Statement, rows: Sequence[Row]) -> Any:
    values = [adapt(row) for row in rows]
    if _answers(statement):
        columns = ", ".join(statement.returning).replace("old.", "")
        sql = _marked(f"{statement.sqlite} RETURNING {columns}")
        return [tuple(one) for row in values for one in cursor.execute(sql, row).fetchall()]
    sql = _marked(statement.sqlite)
    if len(values) == 1:
        cursor.execute(sql, values[0])
    else:
        cursor.executemany(sql, values)
    return cursor.rowcount


@contextmanager
def _sqlite_cursor() -> Iterator[Any]:
    """SQLite's own cursor, or Django's around it where somebody listens to Django's statements.

    Django's would look for its `%s` in every text anew.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.validate_no_broken_transaction()
    if database.connection is None or _is_heard(database):
        with database.cursor() as cursor:
            yield _Spoken(cursor)
        return
    with database.wrap_database_errors, closing(sqlite3.Cursor(database.connection)) as cursor:
        yield cursor


class _Spoken:
    """Django's cursor, for texts that have SQLite's `?` in the place of `%s`."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, sql: str, values: Row) -> Any:
        return self._cursor.execute(sql.replace("?", "%s"), values)

    def executemany(self, sql: str, rows: Sequence[Row]) -> Any:
        return self._cursor.executemany(sql.replace("?", "%s"), rows)

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)


def _is_heard(database: Any) -> bool:
    return bool(database.queries_logged or database.execute_wrappers)


@cache
def _marked(sql: str) -> str:
    return sql.replace("%s", "?")


def execute(sql: str, params: Sequence[Any]) -> list[Row]:
    """Run one statement of PostgreSQL's (`$1`, `$2`), prepared, and fetch what it answers.

    Where somebody listens to Django's statements, it is counted and logged among them.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    if database.connection is None or database.needs_rollback:
        database.ensure_connection()
        database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        if _is_heard(database):
            cursor = database._prepare_cursor(PlainCursor(database.connection))
            cursor.execute(sql, params)
            return list(cursor.fetchall())
        return Prepared.of(database.connection).execute(sql, params)


def query(sql: str, params: Row) -> list[Row]:
    """All rows of a statement that returns some; parameters are `%s` on both databases."""
    if is_postgresql():
        return execute(_numbered(sql), params)
    with _sqlite_cursor() as cursor:
        return list(cursor.execute(_marked(sql), adapt(params)).fetchall())


@cache
def is_postgresql() -> bool:
    """Which of the two dialects is spoken; it never changes while a process lives."""
    return connection.vendor == "postgresql"


@cache
def _numbered(sql: str) -> str:
    """`%s` as PostgreSQL writes it: `$1`, `$2` and so on."""
    first, *rest = sql.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def locking(*tables: str) -> str:
    """FOR UPDATE where the database has it; SQLite has locked everything at BEGIN IMMEDIATE."""
    if not is_postgresql():
        return ""
    return f"FOR UPDATE OF {', '.join(tables)}" if tables else "FOR UPDATE"


def among(column: str, values: Sequence[Any]) -> tuple[str, Row]:
    """`column` is one of `values`: text and parameters; on PostgreSQL the text is always the same.

    >>> among("id", [1, 2])  # on SQLite
    ('id IN (%s, %s)', (1, 2))
    """
    if is_postgresql():
        return f"{column} = ANY(%s)", (list(values),)
    return f"{column} IN ({_placeholders(values)})", tuple(values)


class Columns:
    """Some columns of a model, for queries that need no instances of it."""

    def __init__(self, model: type[models.Model], names: Sequence[str]) -> None:
        fields = {field.column: field for field in model._meta.concrete_fields}
        self._fields = [fields[name] for name in names]

    def load(self, row: Row) -> Row:
        """The values of a row that a query of ours has read, as the ORM would have loaded them."""
        if is_postgresql():
            return row
        return tuple(
            value if convert is None or value is None else convert(value)
            for value, convert in zip(row, self._conversions, strict=True)
        )

    @cached_property
    def _conversions(self) -> list[Callable[[Any], Any] | None]:
        return [_converter(field) for field in self._fields]


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
        """An instance, as the ORM would have loaded it, without the work of `Model.__init__`."""
        made = self._model.__new__(self._model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
        values = made.__dict__
        values.update(zip(self._names, row, strict=True))
        if not is_postgresql():
            for name, convert in self._conversions:
                if (value := values[name]) is not None:
                    values[name] = convert(value)
        return made

    @cached_property
    def _conversions(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """The attributes that SQLite keeps as something else."""
        found = [(field.attname, _converter(field)) for field in self._fields]
        return [(name, convert) for name, convert in found if convert is not None]


class Factory(Generic[M]):
    """Makes model instances that are not saved yet, without the work of `Model.__init__`."""

    def __init__(self, model: type[M]) -> None:
        fields = model._meta.concrete_fields
        self._model = model
        self._defaults = {field.attname: field.get_default() for field in fields}
        self._relations = [field.name for field in fields if field.is_relation]
        self._known = {*self._defaults, *self._relations}

    def new(self, **values: Any) -> M:
        """An instance with these values, and the fields' defaults for what is left out."""
        if not self._known.issuperset(values):
            raise TypeError(f"{self._model.__name__} has no {values.keys() - self._known}")
        made = self._model.__new__(self._model)
        made._state = ModelState()
        made.__dict__.update(self._defaults)
        for name in self._relations:
            if name in values:
                related = values.pop(name)
                made.__dict__[f"{name}_id"] = related.pk
                made._state.fields_cache[name] = related
        made.__dict__.update(values)
        return made


# SQLite keeps decimals as binary floats, of which fifteen digits can be relied upon.
_FIFTEEN_DIGITS = Context(prec=15)


def _converter(field: Any) -> Callable[[Any], Any] | None:
    target = getattr(field, "target_field", field)
    if isinstance(target, models.DecimalField):
        exponent = Decimal(1).scaleb(-target.decimal_places)
        return lambda value: _FIFTEEN_DIGITS.create_decimal_from_float(value).quantize(exponent)
    for kind, convert in _FROM_SQLITE:
        if isinstance(target, kind):
            return convert
    return None


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


@lru_cache(maxsize=16384)
def _naive_utc(at: datetime) -> str:
    return str(at.astimezone(UTC).replace(tzinfo=None))


_TO_SQLITE: dict[type, Callable[[Any], Any]] = {
    UUID: lambda value: value.hex,
    datetime: _naive_utc,
    date: str,
    Decimal: str,
}
