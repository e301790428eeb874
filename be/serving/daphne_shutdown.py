"""How Daphne ends: open requests finish, sockets say goodbye, nothing is left to crash on.

Daphne 4.2 cancels every application at once when it is told to stop. A request that is being
answered is then lost, a socket that was opened within the last second makes it trip (a KeyError),
and tasks that are still pending when the interpreter ends can bring it down with a segmentation
fault. So its method is replaced by the one below. Other servers end in their own way.
"""

import asyncio
import logging
import sys
from typing import Any

logger = logging.getLogger(__name__)

SECONDS_TO_FINISH = 10.0


def install() -> None:
    """Give Daphne the better end, if it is Daphne that runs us."""
    server = sys.modules.get("daphne.server")
    if server is not None:
        server.Server.kill_all_applications = _end_all


def _end_all(server: Any) -> Any:
    """What Twisted waits for before it stops the event loop."""
    from twisted.internet.defer import Deferred

    return Deferred.fromFuture(asyncio.ensure_future(_end(server)))


async def _end(server: Any) -> None:
    _stop_listening()
    for task in _open_applications(server, requests=False):
        task.cancel()
    await _requests_finish(server)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    logger.info("stopped; %d tasks were still open", len(rest))


async def _requests_finish(server: Any) -> None:
    """Wait for the requests that are open, and for those that come on connections that are."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS_TO_FINISH
    while open_requests := _open_applications(server, requests=True):
        left = deadline - loop.time()
        if left <= 0:
            return
        await asyncio.wait(open_requests, timeout=left)


def _stop_listening() -> None:
    """Daphne keeps no hold of its ports; they are what the reactor reads connections from."""
    from twisted.internet import reactor, tcp

    twisted: Any = reactor
    ports: list[Any] = [each for each in twisted.getReaders() if isinstance(each, tcp.Port)]
    for port in ports:
        port.stopListening()


def _open_applications(server: Any, *, requests: bool) -> "list[asyncio.Task[Any]]":
    """The tasks of HTTP requests, or those of sockets, that have not ended."""
    from daphne.http_protocol import WebRequest

    return [
        task
        for protocol, details in server.connections.items()
        if isinstance(protocol, WebRequest) == requests
        and (task := details.get("application_instance")) is not None
        and not task.done()
    ]
