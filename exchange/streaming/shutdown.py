"""What becomes of open sockets when Daphne stops.

Daphne cancels the application of each connection, and that is when a consumer says goodbye. But
if any socket was opened within the last second, it trips over that one (a KeyError in
`kill_all_applications`, 4.2.3) and drops all of them without a word. So we ask Twisted ourselves.
Other servers close their sockets on their own.
"""

import asyncio
from functools import cache
from typing import Any
from weakref import WeakSet

# From Daphne and not from Twisted, which would install the wrong reactor if it came first.
from daphne.server import defer, reactor

_tasks: "WeakSet[asyncio.Task[Any]]" = WeakSet()


def cancel_with_server(task: "asyncio.Task[Any]") -> None:
    """Have the task cancelled when Daphne stops; Daphne waits until it has ended."""
    _ask_twisted()
    _tasks.add(task)


@cache
def _ask_twisted() -> None:
    if reactor.running:
        reactor.addSystemEventTrigger("before", "shutdown", _cancel_all)


def _cancel_all() -> Any:
    tasks = list(_tasks)
    for task in tasks:
        task.cancel()
    return defer.Deferred.fromFuture(asyncio.gather(*tasks, return_exceptions=True))
