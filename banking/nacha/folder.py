"""The folder of NACHA files: whole or not there, readable for their owner alone."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process of this machine that writes into the folder, which is made if missing.

    What a killed process has left half written is removed: it has account numbers in it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in folder.glob(f"*{PART}"):
            part.unlink()
        yield
    finally:
        os.close(lock)


def write(path: Path, content: bytes) -> None:
    """Write a file as a whole: it appears when all of it is on the disk, with permissions 0600."""
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=PART)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(part).replace(path)
    _keep_name(path.parent)


def _keep_name(folder: Path) -> None:
    """Have the new name of a file on the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
