"""Prepared statements of PostgreSQL, sent by libpq itself.

psycopg's cursors are made for everything that SQL can be; for a statement that is known and
prepared they take longer than libpq takes to send it and to read the answer. What stands here uses
psycopg's wrapper of libpq and its conversion of values, and leaves out the cursor in between.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.json import set_json_loads

Row = tuple[Any, ...]

# So many on one connection: the statement of an owner of many accounts has a text of its own.
MOST = 100
# What a plan can become when somebody migrates the database below it: these go by a new plan.
OUTDATED = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)


class PlainCursor(psycopg.RawCursor[Any]):
    """psycopg's cursor for `$1`, `$2`, which reads values as `Prepared` does.

    Django's loader of times is in Python; psycopg's own gives the same, since the connection's time
    zone is UTC.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        super().__init__(connection)
        self.adapters.register_loader("timestamptz", TimestamptzLoader)
        set_json_loads(msgspec.json.decode, self)


class Prepared:
    """The statements that one connection has prepared; used by the thread that uses it.

    Each is prepared when it is met for the first time. When there are too many, all are forgotten.
    """

    @classmethod
    def of(cls, connection: Any) -> "Prepared":
        """Those of this connection; it has them as long as it lives, whoever uses it."""
        prepared: Prepared | None = getattr(connection, "prepared_statements", None)
        if prepared is None:
            prepared = connection.prepared_statements = cls(connection)
        return prepared

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._values = Transformer(PlainCursor(connection))
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._made = 0

    def execute(self, sql: str, params: Sequence[Any]) -> list[Row]:
        """The rows that the statement answers with. Raises psycopg's errors."""
        if not self._connection.autocommit and self._is_idle():
            self._begin()
        values = self._values
        given: Any = values.dump_sequence(params, [PyFormat.AUTO] * len(params))
        key = (sql, tuple(values.types or ()))
        name = self._names.get(key) or self._prepare(key)
        try:
            result = self._checked(self._libpq.exec_prepared(name, given, values.formats))
        except OUTDATED:
            self._names.clear()
            raise
        values.set_pgresult(result)
        rows: list[Row] = values.load_rows(0, result.ntuples, tuple)
        values.set_pgresult(None)  # or it would be kept until the next one
        return rows

    def _is_idle(self) -> bool:
        return self._libpq.transaction_status == pq.TransactionStatus.IDLE

    def _begin(self) -> None:
        level = self._connection.isolation_level
        how = f" ISOLATION LEVEL {level.name.replace('_', ' ')}" if level else ""
        self._checked(self._libpq.exec_(f"BEGIN{how}".encode()))

    def _prepare(self, key: tuple[str, tuple[int, ...]]) -> bytes:
        sql, types = key
        if len(self._names) >= MOST:
            self._checked(self._libpq.exec_(b"DEALLOCATE ALL"))
            self._names.clear()
        self._made += 1
        name = f"brokerpro_{self._made}".encode()
        self._checked(self._libpq.prepare(name, sql.encode(), types))
        self._names[key] = name
        return name

    def _checked(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            return result
        if self._libpq.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError(self._libpq.get_error_message())
        raise error_from_result(result, encoding=self._connection.info.encoding)
