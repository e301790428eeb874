"""Keys that are a setting themselves, or in a file that the setting names."""

import os
from pathlib import Path


def is_inline(given: str) -> bool:
    """Whether the setting is a JSON object, and not the path of a file that has one."""
    return given.lstrip().startswith("{")


def text_of(given: str) -> str | None:
    """The JSON that the setting is, or names; None if it is empty. Raises OSError."""
    if not given:
        return None
    return given if is_inline(given) else Path(given).read_text()


def text_in(path: str) -> str:
    """What is in a file; empty if there is none yet. Raises OSError."""
    return Path(path).read_text() if Path(path).exists() else ""


def write(path: str, text: str) -> None:
    """Replace the file in one step, so that no server reads half of it. Raises OSError.

    It keeps its owner and mode; a new one is readable for its owner alone.
    """
    target, new = Path(path), Path(f"{path}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if target.exists():
        like = target.stat()
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, like.st_uid, like.st_gid)
        new.chmod(like.st_mode & 0o777)
    new.replace(target)
