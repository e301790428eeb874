"""The SQLite file behind the embedded channel layer: numbered messages, which expire."""

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
    """A message on its way to the file, and why it did not get there."""

    created: float
    address: str
    payload: bytes
    error: Exception | None = None


class MessageFile:
    """The file as its writers see it; they share one connection, which is kept.

    Under load, what other senders queue meanwhile goes into one transaction.
    """

    def __init__(self, path: Path, *, expiry: float) -> None:
        self.path = path
        self.outbox: deque[Outgoing] = deque()
        self._log = _beside(path, "-wal")
        self._expiry = expiry
        self._lock = threading.Lock()
        self._kept = _Kept(self)
        self._prune_at = 0.0
        _files.add(self)

    def write_outbox(self, outgoing: Outgoing) -> None:
        """Write all that is queued, in order; raise what kept `outgoing` from being written."""
        with self._lock:
            batch = [self.outbox.popleft() for _ in range(len(self.outbox))]
            try:
                if batch:
                    self._run(lambda db: self._insert(db, batch), self._kept)
            except (sqlite3.Error, OSError) as error:
                for each in batch:
                    each.error = error
        if outgoing.error is not None:
            raise outgoing.error

    def newest_id(self) -> int:
        """The number of the message that was written last, pruned or not."""
        with closing(_Kept(self)) as kept:  # its own: who reads waits for no writer
            return self._run(_newest_id, kept)

    def clear(self) -> None:
        """Delete all messages; numbers go on rising."""
        with self._lock:
            self._run(lambda db: db.execute("DELETE FROM messages"), self._kept)

    def close(self) -> None:
        """Close the connection; who writes again opens another."""
        with self._lock:
            self._kept.close()

    def before_fork(self) -> None:
        """Close the connection: SQLite keeps its locks by process, and a child has none of them."""
        self._lock.acquire()
        self._kept.close()

    def after_fork(self) -> None:
        """In parent and child."""
        self._lock.release()

    def open(self) -> sqlite3.Connection:
        """Open the file, creating it first if it is missing."""
        if not self.path.exists():
            self._create()
        # mode=rw: should it vanish now, SQLite must not create one that is half set up.
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
        """Which file now has the name: who holds on to another one works in vain."""
        return _inode(self.path), _inode(self._log)

    def discard_if_corrupt(self, error: sqlite3.Error, inode: int) -> bool:
        """Return whether the error says that the file is damaged; if so, it is gone.

        It is removed only while it is still the file of that inode: another process may have
        replaced it already.
        """
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without its details
        if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        with _folder_lock(self.path.parent):
            if _inode(self.path) == inode:
                logger.warning("Channel layer file %s is corrupt: discarded.", self.path)
                self.path.unlink(missing_ok=True)
        return True

    def _run(self, work: Callable[[sqlite3.Connection], Result], kept: "_Kept") -> Result:
        """Do the work, once more if the file had to be replaced. What is kept is the caller's."""
        inode = _inode(self.path)
        try:
            return _try(work, kept)
        except sqlite3.DatabaseError as error:
            self.discard_if_corrupt(error, inode)
            if inode == _inode(self.path):
                raise
        return _try(work, kept)

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
        """Build the file under another name and move it into place: nobody sees half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = _beside(self.path, ".new")
        with _folder_lock(self.path.parent):
            if self.path.exists():
                return  # another process was first
            # The log of a deleted file would be taken for the log of its successor.
            for base in (self.path, new):
                for suffix in ("", "-wal", "-shm"):
                    _beside(base, suffix).unlink(missing_ok=True)
            with closing(sqlite3.connect(new)) as db:
                _set_up(db)
            new.chmod(0o600)
            new.replace(self.path)


# Those of this process, for forks; a lock that somebody holds is waited for.
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


def _try(work: Callable[[sqlite3.Connection], Result], kept: "_Kept") -> Result:
    try:
        return work(kept.current())
    except sqlite3.Error:
        kept.close()
        raise


class _Kept:
    """A connection that is kept: to open one costs more than to write a batch.

    It is opened anew when another file has the name.
    """

    def __init__(self, file: MessageFile) -> None:
        self._file = file
        self._identity: tuple[int, ...] = ()
        self.db: sqlite3.Connection | None = None

    @property
    def inode(self) -> int:
        """That of the file which it reads, or would read now."""
        return (self._identity or self._file.identity())[0]

    def is_current(self) -> bool:
        """Whether it is to the file that now has the name."""
        return self._identity == self._file.identity()

    def current(self) -> sqlite3.Connection:
        """The connection, to the file that now has the name."""
        if self.db is not None and self.is_current():
            return self.db
        return self.reopen()

    def reopen(self) -> sqlite3.Connection:
        self.close()
        inode = _inode(self._file.path)
        self.db = self._file.open()
        identity = self._file.identity()
        # If the name changed hands meanwhile, leave the identity unknown and open again next time.
        self._identity = identity if identity[0] == inode else ()
        return self.db

    def close(self) -> None:
        if self.db is not None:
            self.db.close()
        self.db, self._identity = None, ()


class Tail:
    """A reader's place in the file."""

    def __init__(self, file: MessageFile, *, after: int) -> None:
        self._file = file
        self._seen = after
        self._kept = _Kept(file)
        self._version = -1

    def new_messages(self) -> Iterator[tuple[int, str, bytes]]:
        """Number, address and payload of messages that are new since the last call, in order.

        Of a file that was replaced the last messages are read before its successor's.
        """
        try:
            # Asked before reading: what is written to a file before it is replaced is then read.
            is_replaced = not self._kept.is_current()
            if self._kept.db is not None:
                yield from self._read(self._kept.db)
            if is_replaced:
                self._version = -1
                yield from self._read(self._kept.reopen())
        except sqlite3.Error as error:
            inode = self._kept.inode
            self.close()
            if not self._file.discard_if_corrupt(error, inode):
                raise

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        self._kept.close()

    def _read(self, db: sqlite3.Connection) -> list[tuple[int, str, bytes]]:
        # The version changes with every commit of another connection; asking for it is far
        # cheaper than a query, and most polls find nothing.
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
    db.execute("PRAGMA synchronous = OFF")  # after a power cut nobody misses the ticks before it
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchone():
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        # The payload comes last: pruning then never has to read it.
        db.execute(
            "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT,"
            " created REAL NOT NULL, address TEXT NOT NULL, payload BLOB NOT NULL)"
        )
        # Numbers start at the clock, in microseconds, so that they go on rising for those who
        # read the file that this one replaces.
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
    """Let one process at a time create or discard files here; the lock dies with its process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
