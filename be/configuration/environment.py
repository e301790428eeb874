"""Environment variables, read with types and checked: a bad one ends the process in three lines.

Every entry point (Daphne, uvicorn, each command) reads the settings first. After a typing error the
user needs the name of the variable, and no traceback.
"""

import builtins
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

N = TypeVar("N", int, float)
T = TypeVar("T")

TRUE = frozenset({"true", "yes", "on", "1", "y", "ok"})
FALSE = frozenset({"false", "no", "off", "0", "n"})
# Beyond it, sums of times and durations overflow.
LARGEST = 1_000_000_000
PORTS = 65_535
LOG_LEVELS = tuple(logging.getLevelNamesMapping())
# 50 random digits or 32 random bytes have fewer distinct ones once in a million times.
MIN_DISTINCT = 8
# Words of keys that a person has made up or copied from an example.
WORDS_OF_MADE_UP_KEYS = ("changeme", "change-", "insecure", "password", "please")

POSTGRESQL = "Write postgresql://user:password@host:5432/name, with %40 for an @ in the password."
REDIS = "Write redis://host:6379/0, or rediss:// for TLS."
ORIGIN = (
    "Write scheme and host, and a port if there is one: https://app.example.com,http://a.test:81."
)


class Misconfigured(SystemExit):
    """A setting that can't be used. The process ends with this text, unless it is caught.

    `fault` says what is wrong with `setting`, without a value that may be secret. `remedy` says
    what to do.
    """

    def __init__(self, setting: str, fault: str, remedy: str) -> None:
        super().__init__(f"The broker can't start: {setting} can't be used.\n{fault}\n{remedy}")


class Environment:
    """Typed values of environment variables. An empty variable counts as unset, except for `bool`.

    The methods raise Misconfigured. They are named after the type that they return.
    """

    def __init__(self, values: Mapping[builtins.str, builtins.str]) -> None:
        self._values = values

    def str(self, name: builtins.str, *, default: builtins.str) -> builtins.str:
        return self._values.get(name) or default

    def list(
        self, name: builtins.str, *, default: Iterable[builtins.str]
    ) -> "builtins.list[builtins.str]":
        """Comma-separated words."""
        words = [word.strip() for word in self._values.get(name, "").split(",")]
        return [word for word in words if word] or [*default]

    def bool(self, name: builtins.str, *, default: builtins.bool) -> builtins.bool:
        word = self._values.get(name)
        if word is None:
            return default
        if word.strip().lower() not in TRUE | FALSE:
            # An empty one is refused too: `DEBUG=` may be meant as false.
            raise Misconfigured(name, f"It is {word[:40]!r}.", "Write true or false.")
        return word.strip().lower() in TRUE

    def int(
        self,
        name: builtins.str,
        *,
        default: builtins.int,
        at_least: builtins.int = 0,
        at_most: builtins.int = LARGEST,
    ) -> builtins.int:
        """A whole number."""
        kind = f"a whole number from {at_least:,} to {at_most:,}"
        return self._number(
            name, default, builtins.int, lambda value: at_least <= value <= at_most, kind
        )

    def float(
        self, name: builtins.str, *, default: builtins.float, at_most: builtins.float = LARGEST
    ) -> builtins.float:
        """A number above 0, mostly a duration in seconds."""
        kind = f"a number above 0, at most {at_most:,}, such as {default}"
        return self._number(name, default, builtins.float, lambda value: 0 < value <= at_most, kind)

    def fraction(self, name: builtins.str) -> builtins.float | None:
        """A number above -1 and below 1; None if it is unset."""
        if not self._values.get(name, "").strip():
            return None
        kind = "a fraction above -1 and below 1, such as 0.04 for 4 %"
        return self._number(name, 0.0, builtins.float, lambda value: -1 < value < 1, kind)

    def choice(
        self, name: builtins.str, *, default: builtins.str, among: Iterable[builtins.str]
    ) -> builtins.str:
        """One of the words `among`; capitals don't matter."""
        given = self.str(name, default=default)
        for word in among:
            if word.lower() == given.lower():
                return word
        raise Misconfigured(name, f"It is {given[:40]!r}.", f"Write one of {', '.join(among)}.")

    def _number(
        self,
        name: builtins.str,
        default: N,
        kind: Callable[[builtins.str], N],
        fits: Callable[[N], builtins.bool],
        description: builtins.str,
    ) -> N:
        word = self._values.get(name, "").strip()
        if not word:
            return default
        try:
            value = kind(word)
        except ValueError:
            value = None
        if value is None or not math.isfinite(value) or not fits(value):
            raise Misconfigured(name, f"It is {word[:40]!r}.", f"Write {description}.")
        return value


def parse_setting(setting: str, make: Callable[[], T], remedy: str) -> T:
    """What `make` returns. Its ValueError or OSError becomes a Misconfigured with the same text."""
    try:
        return make()
    except (ValueError, OSError) as error:
        text = str(error)
        raise Misconfigured(
            setting, f"{text[:1].upper()}{text[1:]}".rstrip(".") + ".", remedy
        ) from error


def require_database_url(url: str) -> None:
    """Check a URL of PostgreSQL. The error does not show it: it may have a password."""
    parts = _parts("DATABASE_URL", url, POSTGRESQL)
    if not parts.path.strip("/") and "service=" not in parts.query:
        raise Misconfigured("DATABASE_URL", "It names no database.", POSTGRESQL)


def require_folder_of(setting: str, path: str) -> None:
    """Check that the folder of a file exists: SQLite creates files but no folders."""
    if not path or not Path(path).parent.is_dir() or Path(path).is_dir():
        fault = f"There is no folder for {path or 'a file without a name'}."
        raise Misconfigured(setting, fault, "Create it, or correct sqlite:///path/to/a.file.")


def require_redis_url(url: str) -> None:
    parts = _parts("REDIS_URL", url, REDIS)
    if parts.scheme == "unix":
        return
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise Misconfigured("REDIS_URL", "It is no address of a Redis.", REDIS)
    if not re.fullmatch(r"/?[0-9]*", parts.path):
        raise Misconfigured("REDIS_URL", "What follows the host is no number of a database.", REDIS)


def _parts(setting: str, url: str, remedy: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        fault = "Its host or port can't be read; what is special in a password must be encoded."
        raise Misconfigured(setting, fault, remedy) from None
    return parts


def require_hosts(hosts: Iterable[str]) -> None:
    """Check ALLOWED_HOSTS: names and addresses only, without scheme and port."""
    for host in hosts:
        if re.search(r"[/\s@]", host) or (":" in host and not re.fullmatch(r"\[[^\]]+\]", host)):
            raise Misconfigured(
                "ALLOWED_HOSTS",
                f"{host[:80]!r} is no host: scheme, port and path don't belong to it.",
                "Write names and addresses with commas between them: broker.example,[::1].",
            )


def require_origins(setting: str, origins: Iterable[str], *, wildcards: bool) -> None:
    """Check a list of origins; `wildcards` says whether "https://*.example.com" is allowed."""
    for origin in origins:
        if origin != "null" and (not _is_origin(origin) or ("*" in origin and not wildcards)):
            fault = f"{origin[:80]!r} is no origin: small letters, and no path, not even a slash."
            raise Misconfigured(setting, fault, ORIGIN)


def public_url(hosts: Sequence[str], *, tls: bool) -> str:
    """Where people reach a server with these hosts, if nobody says it: the first of them by https.

    A server of this machine alone is at its usual port.
    """
    return f"https://{hosts[0].lstrip('.')}" if tls else "http://localhost:8000"


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    whole = f"{parts.scheme}://{parts.netloc}"
    return bool(parts.scheme and parts.netloc) and text == whole == whole.lower()


def is_guessable(key: str | bytes) -> bool:
    """Whether a key is not random: few distinct characters, a repeated part, or words in it."""
    few = len(set(key)) < MIN_DISTINCT
    if isinstance(key, str) and any(word in key.lower() for word in WORDS_OF_MADE_UP_KEYS):
        return True
    return few or any(key[step:] == key[:-step] for step in range(1, len(key) // 2 + 1))
