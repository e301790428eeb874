"""The order in which modules are called: docs/life-of-an-order.md and docs/life-of-a-tick.md."""

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

APPS = frozenset({"be", "authentication", "banking", "exchange", "portfolio"})


@contextmanager
def modules_called() -> Iterator[list[str]]:
    """Record, in the `with` block, the modules of the project by their first call.

    The list grows while the block runs: full names (`exchange.trading.orders`), each once, in the
    order in which a function of the module is first called. Threads count that start in the block:
    one that ran before goes unseen. Imports, class bodies and generated functions (the `__init__`
    of a dataclass) are no calls. Packages' `__init__`, tests and migrations are left out.
    """
    names: list[str] = []
    seen = set[str]()
    is_over = threading.Event()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if is_over.is_set():  # a thread that outlives the block
            sys.setprofile(None)
            return
        if event != "call":
            return
        name = frame.f_globals.get("__name__", "")
        if name not in seen and _is_written_function(frame) and _is_of_the_project(frame, name):
            seen.add(name)
            names.append(name)

    before, before_in_threads = sys.getprofile(), threading.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield names
    finally:
        sys.setprofile(before)
        threading.setprofile(before_in_threads)
        is_over.set()


def _is_written_function(frame: FrameType) -> bool:
    """Not the body of a module or of a class, and not made by `exec`."""
    code = frame.f_code
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_filename.startswith("<")


def _is_of_the_project(frame: FrameType, name: str) -> bool:
    app, *rest = name.split(".")
    is_package = frame.f_globals.get("__file__", "").endswith("__init__.py")
    return app in APPS and not is_package and not {"tests", "migrations"} & {*rest}
