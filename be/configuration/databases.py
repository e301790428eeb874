"""The two databases, as Django is told of them."""

import os
import tempfile
from pathlib import Path
from typing import Any

import environ


def sqlite(path: str, *, lock_seconds: float) -> dict[str, Any]:
    """SQLite for one machine: readers beside one writer, and writers that queue.

    IMMEDIATE takes the write lock when a transaction begins, so a transaction that reads and then
    writes can neither deadlock nor act on what another has changed in between. Who does not get the
    lock within `lock_seconds` has an OperationalError, and has changed nothing.
    """
    return {
        "ENGINE": "be.database.sqlite",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": lock_seconds,
            # Values come as they are stored. The driver would look up how to read each column's
            # type, anew for each statement; the ORM and be/database/rows.py know the types.
            "detect_types": 0,
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-32000;"
                # REPLACE then fires the triggers that keep the journal append-only.
                "PRAGMA recursive_triggers=ON;"
            ),
        },
        # A file, not memory: the tests use real threads, and shared-cache memory locks tables.
        "TEST": {
            "NAME": str(Path(tempfile.gettempdir()) / f"brokerpro-test-{os.getpid()}.sqlite3")
        },
    }


def postgresql(url: str, *, pool_size: int) -> dict[str, Any]:
    """PostgreSQL, with a pool of connections in each process."""
    database: dict[str, Any] = environ.Env.db_url_config(url)
    database["ENGINE"] = "be.database.postgresql"
    database["OPTIONS"] = {
        # Nobody waits for ever: not for a server that is away, not for one that has vanished from
        # the network, not for a row that another transaction has forgotten to give back.
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,
        "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        **database.get("OPTIONS", {}),
        # Without a pool every request under ASGI opens a connection of its own.
        # It tries a lost server again every few seconds; its own pauses would grow to minutes.
        "pool": {
            "min_size": 1,
            "max_size": pool_size,
            "timeout": 3,
            "reconnect_timeout": 5,
        },
    }
    # A connection is tried when the pool gives it out, or each one that lay there while the server
    # was started anew would cost a request.
    database["CONN_HEALTH_CHECKS"] = True
    return database
