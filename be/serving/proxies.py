"""The client's address behind proxies, taken from the headers of trusted proxies only.

A proxy names its client in X-Forwarded-For or X-Real-IP, and says in X-Forwarded-Proto whether the
client uses TLS. Anybody can write these headers, so they count only on connections from the
networks of TRUSTED_PROXIES. The result is put into the ASGI scope, where lockouts, sessions, logs
and redirects to https read it.
"""

import logging
import sys
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

from be.configuration.trusted_proxies import TrustedProxies
from be.kernel import addresses
from be.kernel.addresses import Address

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]

UNKNOWN_PORT = 0
SECURE = {"http": "https", "websocket": "wss"}
PLAIN = {"http": "http", "websocket": "ws"}


def client_of(headers: Iterable[tuple[bytes, bytes]], trusted: TrustedProxies) -> Address | None:
    """The client of a trusted proxy; None if the headers name none, or contradict each other.

    Each proxy appends to X-Forwarded-For, so its right-most address that is no trusted proxy's
    counts: the client may have written whatever is left of it. A proxy that sets one of the two
    headers may pass on a client's own header of the other kind. So where they name different
    clients, neither is believed.
    """
    forwarded, real = [], []
    for name, value in headers:
        if name == b"x-forwarded-for":
            forwarded += value.decode("latin-1").split(",")
        elif name == b"x-real-ip":
            real.append(value.decode("latin-1"))
    claims = [_nearest(forwarded, trusted), *(addresses.parse(word) for word in real)]
    found = [address for address in claims if address is not None]
    clients = {address for address in found if address not in trusted}
    if len(clients) > 1:
        return None
    return clients.pop() if clients else next(iter(found), None)


def _nearest(hops: Sequence[str], trusted: TrustedProxies) -> Address | None:
    """The right-most hop that is no trusted proxy, or the last before one that is no address."""
    nearest = None
    for hop in reversed(hops):
        address = addresses.parse(_without_port(hop.strip()))
        if address is None:
            break
        nearest = address
        if address not in trusted:
            break
    return nearest


def _without_port(hop: str) -> str:
    """Some proxies add a port: 192.0.2.1:5678, [2001:db8::1]:5678."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class BehindProxies:
    """ASGI middleware that puts the client into the scope, in the place of the proxy."""

    def __init__(self, application: Any, trusted: TrustedProxies) -> None:
        self._application = application
        self._trusted = trusted
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in PLAIN:
            if self._trusted and self._trusted.has(scope.get("client")):
                _replace_client(scope, self._trusted)
            elif not self._has_warned:
                self._warn_if_ignored(scope)
        await self._application(scope, receive, send)

    def _warn_if_ignored(self, scope: Scope) -> None:
        """Warn once: without TRUSTED_PROXIES all clients of a proxy share its address."""
        names = {name for name, _ in scope["headers"]}
        if names & {b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip"}:
            self._has_warned = True
            client = scope.get("client")
            logger.warning(
                "X-Forwarded-For, X-Forwarded-Proto and X-Real-IP from %s are ignored. "
                "If a proxy of yours is there, name it in TRUSTED_PROXIES.",
                client[0] if client else "a Unix socket (unix)",
            )


def _replace_client(scope: Scope, trusted: TrustedProxies) -> None:
    client = client_of(scope["headers"], trusted)
    if client is not None:
        address = (str(client), UNKNOWN_PORT)
        if isinstance(peer := scope.get("client"), list):
            peer[:] = address  # Daphne's access log reads the same list
        else:
            scope["client"] = address
    protocols = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    if protocols:
        nearest = protocols[-1].rpartition(b",")[2].strip().lower()
        kinds = SECURE if nearest in (b"https", b"wss") else PLAIN
        scope["scheme"] = kinds[scope["type"]]


def install() -> None:
    """Turn off the servers' own handling of these headers, which hides who has sent them.

    By default uvicorn believes every connection from 127.0.0.1. Daphne believes everybody, with
    `--proxy-headers`.
    """
    if (uvicorn := sys.modules.get("uvicorn.config")) is not None:
        uvicorn.ProxyHeadersMiddleware = _without_proxy_headers  # type: ignore[attr-defined]
    for name in ("daphne.http_protocol", "daphne.ws_protocol"):
        if (protocol := sys.modules.get(name)) is not None:
            protocol.parse_x_forwarded_for = _peer_of_connection  # type: ignore[attr-defined]


def _without_proxy_headers(application: Any, trusted_hosts: object) -> Any:
    return application


def _peer_of_connection(
    headers: object,
    address_header_name: object = None,
    port_header_name: object = None,
    proto_header_name: object = None,
    original_addr: Any = None,
    original_scheme: Any = None,
) -> tuple[Any, Any]:
    return original_addr, original_scheme
