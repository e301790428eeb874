"""The SQLite file of the embedded channel layer: numbered messages, which expire."""

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(eq=False, slots=True)
class Outgoing:
    """A message that is to be written, and the error if it could not be."""

    created: float
    address: str
    payload: bytes
    error: Exception | None = None


class MessageFile:
    """Writes messages to the file, over one connection that stays open.

    Under load the messages that several senders have queued are written in one transaction.
    """

    def __init__(self, path: Path, *, expiry: float) -> None:
        self.path = path
        self.outbox: deque[Outgoing] = deque()
        self._log = _beside(path, "-wal")
        self._expiry = expiry
        self._lock = threading.Lock()
        self._connection = _Connection(self)
        self._prune_at = 0.0
        _files.add(self)

    def write_outbox(self, outgoing: Outgoing) -> None:
        """Write all that is queued, in order; raise the error of `outgoing`, if it has one."""
        with self._lock:
            batch = [self.outbox.popleft() for _ in range(len(self.outbox))]
            try:
                if batch:
                    self._run(lambda db: self._insert(db, batch), self._connection)
            except (sqlite3.Error, OSError) as error:
                for each in batch:
                    each.error = error
        if outgoing.error is not None:
            raise outgoing.error

    def newest_id(self) -> int:
        """The number of the message that was written last, pruned or not."""
        with closing(_Connection(self)) as own:  # a reader need not wait for writers
            return self._run(_newest_id, own)

    def clear(self) -> None:
        """Delete all messages; the numbers of later ones continue."""
        with self._lock:
            self._run(lambda db: db.execute("DELETE FROM messages"), self._connection)

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        with self._lock:
            self._connection.close()

    def before_fork(self) -> None:
        """Close the connection: a forked child must not use SQLite's connection of its parent."""
        self._lock.acquire()
        self._connection.close()

    def after_fork(self) -> None:
        """Called in the parent and in the child."""
        self._lock.release()

    def open(self) -> sqlite3.Connection:
        """Open the file, creating it first if it is missing."""
        if not self.path.exists():
            self._create()
        # mode=rw: if the file is deleted just now, SQLite must not create an empty one.
        db = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw", uri=True, timeout=5, check_same_thread=False
        )
        try:
            _set_up(db)
        except BaseException:
            db.close()
            raise
        return db

    def identity(self) -> tuple[int, ...]:
        """The inodes of the file and its log; they change when the file is replaced."""
        return _inode(self.path), _inode(self._log)

    def discard_if_corrupt(self, error: sqlite3.Error, inode: int) -> bool:
        """Delete the file if the error says that it is damaged; returns whether it does.

        The file is deleted only while it has that inode: another process may have replaced it
        already.
        """
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extended part
        if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        with _folder_lock(self.path.parent):
            if _inode(self.path) == inode:
                logger.warning("Channel layer file %s is corrupt: discarded.", self.path)
                self.path.unlink(missing_ok=True)
        return True

    def _run(
        self, work: Callable[[sqlite3.Connection], Result], connection: "_Connection"
    ) -> Result:
        """Do the work on the caller's connection; again, if the file had to be replaced."""
        inode = _inode(self.path)
        try:
            return _try(work, connection)
        except sqlite3.DatabaseError as error:
            self.discard_if_corrupt(error, inode)
            if inode == _inode(self.path):
                raise
        return _try(work, connection)

    def _insert(self, db: sqlite3.Connection, batch: list[Outgoing]) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            if time.monotonic() >= self._prune_at:
                db.execute("DELETE FROM messages WHERE created < ?", [time.time() - self._expiry])
                self._prune_at = time.monotonic() + self._expiry / 2
            db.executemany(
                "INSERT INTO messages (created, address, payload) VALUES (?, ?, ?)",
                [(each.created, each.address, each.payload) for each in batch],
            )

    def _create(self) -> None:
        """Create the file under another name and rename it, so that no process opens half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = _beside(self.path, ".new")
        with _folder_lock(self.path.parent):
            if self.path.exists():
                return  # another process was first
            # SQLite would take the log of a deleted file for the log of the new one.
            for base in (self.path, new):
                for suffix in ("", "-wal", "-shm"):
                    _beside(base, suffix).unlink(missing_ok=True)
            with closing(sqlite3.connect(new)) as db:
                _set_up(db)
            new.chmod(0o600)
            new.replace(self.path)


# All files of this process: before a fork their locks are taken and their connections closed.
_files: WeakSet[MessageFile] = WeakSet()
_forking: list[MessageFile] = []
_one_fork = threading.Lock()


def _before_fork() -> None:
    _one_fork.acquire()
    _forking.extend(_files)
    for file in _forking:
        file.before_fork()


def _after_fork() -> None:
    while _forking:
        _forking.pop().after_fork()
    _one_fork.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _try(work: Callable[[sqlite3.Connection], Result], connection: "_Connection") -> Result:
    try:
        return work(connection.current())
    except sqlite3.Error:
        connection.close()
        raise


class _Connection:
    """A connection that stays open: opening one costs more than writing a batch.

    It is opened again when the file has been replaced.
    """

    def __init__(self, file: MessageFile) -> None:
        self._file = file
        self._identity: tuple[int, ...] = ()
        self.db: sqlite3.Connection | None = None

    @property
    def inode(self) -> int:
        """The inode of the file that is open, or else of the file that has the name."""
        return (self._identity or self._file.identity())[0]

    def is_current(self) -> bool:
        """Whether the open file is still the one that has the name."""
        return self._identity == self._file.identity()

    def current(self) -> sqlite3.Connection:
        """The connection to the file that has the name now."""
        if self.db is not None and self.is_current():
            return self.db
        return self.reopen()

    def reopen(self) -> sqlite3.Connection:
        self.close()
        inode = _inode(self._file.path)
        self.db = self._file.open()
        identity = self._file.identity()
        # If the file was replaced meanwhile, leave the identity empty: the next call opens again.
        self._identity = identity if identity[0] == inode else ()
        return self.db

    def close(self) -> None:
        if self.db is not None:
            self.db.close()
        self.db, self._identity = None, ()


class Tail:
    """A reader of the file, and the last message that it has read."""

    def __init__(self, file: MessageFile, *, after: int) -> None:
        self._file = file
        self._seen = after
        self._connection = _Connection(file)
        self._version = -1

    def new_messages(self) -> Iterator[tuple[int, str, bytes]]:
        """Number, address and payload of the messages since the last call, in order.

        When the file was replaced, the last messages of the old one come first.
        """
        try:
            # Checked before reading, so that everything is read that came before the replacement.
            is_replaced = not self._connection.is_current()
            if self._connection.db is not None:
                yield from self._read(self._connection.db)
            if is_replaced:
                self._version = -1
                yield from self._read(self._connection.reopen())
        except sqlite3.Error as error:
            inode = self._connection.inode
            self.close()
            if not self._file.discard_if_corrupt(error, inode):
                raise

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        self._connection.close()

    def _read(self, db: sqlite3.Connection) -> list[tuple[int, str, bytes]]:
        # The version changes with every commit of another connection. Reading it is far cheaper
        # than a query, and most polls find nothing new.
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return []
        limit = 1000
        messages = db.execute(
            "SELECT id, address, payload FROM messages WHERE id > ? ORDER BY id LIMIT ?",
            [self._seen, limit],
        ).fetchall()
        self._seen = messages[-1][0] if messages else self._seen
        self._version = version if len(messages) < limit else -1
        return messages


def _set_up(db: sqlite3.Connection) -> None:
    db.isolation_level = None
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")  # messages from before a power cut are of no use
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchone():
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        # The payload is the last column, so that pruning need not read it.
        db.execute(
            "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT,"
            " created REAL NOT NULL, address TEXT NOT NULL, payload BLOB NOT NULL)"
        )
        # Numbers start at the clock, in microseconds, so that they are higher than those in a
        # file that this one replaces.
        db.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'messages', ?"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'messages')",
            [time.time_ns() // 1000],
        )


def _newest_id(db: sqlite3.Connection) -> int:
    (newest,) = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
    return int(newest)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time create or delete files here; the lock ends with its process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
