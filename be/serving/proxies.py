"""Who asks, when the connection is a proxy's: what a trusted proxy says, and nobody else.

A proxy tells whose request it passes on in X-Forwarded-For or X-Real-IP, and in X-Forwarded-Proto
whether that came over TLS. Anybody can write these headers, so they count only on connections that
come from the networks of TRUSTED_PROXIES. All else (lockouts, sessions, logs, redirects to https)
reads the outcome from the ASGI scope.
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
    """The client for which a trusted proxy asks; None if the proxy does not say, or not clearly.

    X-Forwarded-For grows to the right, so of it the right-most address that is no trusted proxy's
    counts: whatever stands left of that, the client wrote. A proxy that sets one of the headers may
    pass on a client's own of the other kind; where they contradict each other, none is believed.
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
    """Some proxies add it: 192.0.2.1:5678, [2001:db8::1]:5678."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class BehindProxies:
    """An ASGI application whose scope names the client, and not the proxy that asks for it."""

    def __init__(self, application: Any, trusted: TrustedProxies) -> None:
        self._application = application
        self._trusted = trusted
        self._has_told = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in PLAIN:
            if self._trusted and self._trusted.has(scope.get("client")):
                _see_through(scope, self._trusted)
            elif not self._has_told:
                self._tell_if_ignored(scope)
        await self._application(scope, receive, send)

    def _tell_if_ignored(self, scope: Scope) -> None:
        """Once: a proxy that nobody named would show itself only when everyone is locked out."""
        names = {name for name, _ in scope["headers"]}
        if names & {b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip"}:
            self._has_told = True
            client = scope.get("client")
            logger.warning(
                "X-Forwarded-For, X-Forwarded-Proto and X-Real-IP from %s are ignored. "
                "If a proxy of yours is there, name it in TRUSTED_PROXIES.",
                client[0] if client else "a Unix socket (unix)",
            )


def _see_through(scope: Scope, trusted: TrustedProxies) -> None:
    client = client_of(scope["headers"], trusted)
    if client is not None:
        shown = (str(client), UNKNOWN_PORT)
        if isinstance(peer := scope.get("client"), list):
            peer[:] = shown  # Daphne's line for the request reads the same list
        else:
            scope["client"] = shown
    protocols = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    if protocols:
        nearest = protocols[-1].rpartition(b",")[2].strip().lower()
        kinds = SECURE if nearest in (b"https", b"wss") else PLAIN
        scope["scheme"] = kinds[scope["type"]]


def install() -> None:
    """Put away what servers make of these headers themselves, before we can see who wrote them.

    uvicorn believes whoever connects from 127.0.0.1 unless told otherwise, and Daphne, with
    `--proxy-headers`, believes everybody.
    """
    if (uvicorn := sys.modules.get("uvicorn.config")) is not None:
        uvicorn.ProxyHeadersMiddleware = _as_it_is  # type: ignore[attr-defined]
    for name in ("daphne.http_protocol", "daphne.ws_protocol"):
        if (protocol := sys.modules.get(name)) is not None:
            protocol.parse_x_forwarded_for = _as_connected  # type: ignore[attr-defined]


def _as_it_is(application: Any, trusted_hosts: object) -> Any:
    return application


def _as_connected(
    headers: object,
    address_header_name: object = None,
    port_header_name: object = None,
    proto_header_name: object = None,
    original_addr: Any = None,
    original_scheme: Any = None,
) -> tuple[Any, Any]:
    return original_addr, original_scheme
