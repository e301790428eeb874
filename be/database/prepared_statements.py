"""Prepared statements of PostgreSQL and transactions, sent by libpq directly.

psycopg's cursors handle every kind of SQL. For a known, prepared statement they take longer than
libpq takes to send it and to read the answer. This module uses psycopg's wrapper of libpq and its
conversion of values, without a cursor (docs/decisions/statements-by-libpq.md).
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

# Of one connection. Some texts vary, by an owner's number of accounts for example.
MAX_STATEMENTS = 100
# After a migration the plan of a statement may not fit; PostgreSQL then answers with one of these.
STALE_PLAN = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)


class PlainCursor(psycopg.RawCursor[Any]):
    """psycopg's cursor for `$1`, `$2`, with the conversions that `PreparedStatements` uses.

    Times are loaded by psycopg's own loader: Django's is in Python, and gives the same because the
    connection's time zone is UTC.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        super().__init__(connection)
        self.adapters.register_loader("timestamptz", TimestamptzLoader)
        set_json_loads(msgspec.json.decode, self)


class PreparedStatements:
    """The statements that one connection has prepared; used by one thread at a time.

    A statement is prepared at its first execution. When there are too many, all are deallocated.
    """

    @classmethod
    def of_connection(cls, connection: Any) -> "PreparedStatements":
        """Those of this psycopg connection; they last as long as it does."""
        prepared: PreparedStatements | None = getattr(connection, "prepared_statements", None)
        if prepared is None:
            prepared = connection.prepared_statements = cls(connection)
        return prepared

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._values = Transformer(PlainCursor(connection))
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._count = 0

    def execute(self, sql: str, params: Sequence[Any], *, planned_anew: bool = False) -> list[Row]:
        """The rows that the statement returns. Raises psycopg's errors.

        With `planned_anew` it is not prepared, and its plan is made for these values.
        """
        if not self._connection.autocommit and self._is_idle():
            self.begin()
        values = self._values
        dumped: Any = values.dump_sequence(params, [PyFormat.AUTO] * len(params))
        types = tuple(values.types or ())
        if planned_anew:
            result = self._checked(
                self._libpq.exec_params(sql.encode(), dumped, types, values.formats)
            )
        else:
            result = self._run_prepared((sql, types), dumped, values.formats)
        values.set_pgresult(result)
        rows: list[Row] = values.load_rows(0, result.ntuples, tuple)
        values.set_pgresult(None)  # lets go of the result's memory
        return rows

    def begin(self) -> None:
        """Begin a transaction. Raises psycopg's errors."""
        level = self._connection.isolation_level
        how = f" ISOLATION LEVEL {level.name.replace('_', ' ')}" if level else ""
        self._checked(self._libpq.exec_(f"BEGIN{how}".encode()))

    def commit(self) -> None:
        """Commit the transaction, if there is one. Raises psycopg's errors."""
        if not self._is_idle():
            self._checked(self._libpq.exec_(b"COMMIT"))

    def _run_prepared(
        self, key: tuple[str, tuple[int, ...]], dumped: Any, formats: Any
    ) -> pq.abc.PGresult:
        name = self._names.get(key) or self._prepare(key)
        try:
            return self._checked(self._libpq.exec_prepared(name, dumped, formats))
        except STALE_PLAN:
            self._names.clear()
            raise

    def _is_idle(self) -> bool:
        return self._libpq.transaction_status == pq.TransactionStatus.IDLE

    def _prepare(self, key: tuple[str, tuple[int, ...]]) -> bytes:
        sql, types = key
        if len(self._names) >= MAX_STATEMENTS:
            self._checked(self._libpq.exec_(b"DEALLOCATE ALL"))
            self._names.clear()
        self._count += 1
        name = f"brokerpro_{self._count}".encode()
        self._checked(self._libpq.prepare(name, sql.encode(), types))
        self._names[key] = name
        return name

    def _checked(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            return result
        if self._libpq.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError(self._libpq.get_error_message())
        raise error_from_result(result, encoding=self._connection.info.encoding)
