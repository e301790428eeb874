"""How a transaction is run, and when it is tried again."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.005
# PostgreSQL: serialization_failure and deadlock_detected. The server has rolled everything back, so
# the same work can be done again on the data as they are now.
CONFLICTS = frozenset({"40001", "40P01"})


def is_conflict(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in CONFLICTS


def atomic(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator: run `function` in one transaction, again after a deadlock or serialization
    failure.

    Inside an open transaction it runs in a savepoint and is not tried again: only the outermost
    caller can start over.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if connections[DEFAULT_DB_ALIAS].in_atomic_block:
            with transaction.atomic():
                return function(*args, **kwargs)
        for attempt in range(1, ATTEMPTS):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if not is_conflict(error):
                    raise
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt * random.random())
        with transaction.atomic():
            return function(*args, **kwargs)

    return run
