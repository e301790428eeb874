"""A graceful shutdown for Daphne: open requests finish, and sockets are closed properly.

Daphne 4.2 cancels every application at once when it stops. A request in progress is then lost, a
socket that was opened within the last second raises a KeyError, and tasks that are pending when the
interpreter ends can cause a segmentation fault. So Daphne's method is replaced by `_end_all`. Other
servers shut down in their own way.
"""

import asyncio
import logging
import sys
from typing import Any

logger = logging.getLogger(__name__)

SECONDS_TO_FINISH = 10.0


def install() -> None:
    """Replace Daphne's shutdown, if Daphne is the server of this process."""
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
    await _finish_requests(server)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    logger.info("stopped; %d tasks were still open", len(rest))


async def _finish_requests(server: Any) -> None:
    """Wait for the open requests, and for further ones on their connections."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS_TO_FINISH
    while open_requests := _open_applications(server, requests=True):
        left = deadline - loop.time()
        if left <= 0:
            return
        await asyncio.wait(open_requests, timeout=left)


def _stop_listening() -> None:
    """Daphne keeps no list of its ports; the reactor has them among its readers."""
    from twisted.internet import reactor, tcp

    twisted: Any = reactor
    ports: list[Any] = [each for each in twisted.getReaders() if isinstance(each, tcp.Port)]
    for port in ports:
        port.stopListening()


def _open_applications(server: Any, *, requests: bool) -> "list[asyncio.Task[Any]]":
    """The tasks that have not ended: of HTTP requests, or of sockets."""
    from daphne.http_protocol import WebRequest

    return [
        task
        for protocol, details in server.connections.items()
        if isinstance(protocol, WebRequest) == requests
        and (task := details.get("application_instance")) is not None
        and not task.done()
    ]
