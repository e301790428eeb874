"""Django's settings for the two databases."""

import os
import tempfile
from pathlib import Path
from typing import Any

import environ


def sqlite(path: str, *, lock_seconds: float) -> dict[str, Any]:
    """SQLite for one machine: readers beside one writer, while other writers wait.

    IMMEDIATE takes the write lock when a transaction begins. So a transaction that reads and then
    writes can't deadlock, and no other changes what it has read. A transaction that does not get
    the lock within `lock_seconds` raises OperationalError, and has changed nothing.
    """
    return {
        "ENGINE": "be.database.sqlite",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": lock_seconds,
            # Values come as they are stored: the ORM and be/database/rows.py know the types. The
            # driver would look up a converter for each column of each statement.
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
        # Limits for a server that is down, a server that has vanished from the network, and a row
        # that another transaction keeps locked.
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,
        "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        **database.get("OPTIONS", {}),
        # Without a pool every request under ASGI opens a connection of its own. A lost server is
        # tried again every few seconds; by default the pauses grow to minutes.
        "pool": {
            "min_size": 1,
            "max_size": pool_size,
            "timeout": 3,
            "reconnect_timeout": 5,
        },
    }
    # The pool checks a connection before it hands it out. Else each connection from before a
    # restart of the server would cost a request.
    database["CONN_HEALTH_CHECKS"] = True
    return database
