"""TRUSTED_PROXIES: the networks whose headers about the client are believed."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from be.kernel import addresses
from be.kernel.addresses import Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"


@dataclass(frozen=True)
class TrustedProxies:
    """The trusted networks, and whether connections by a Unix socket are trusted too."""

    networks: tuple[Network, ...] = ()
    unix: bool = False

    @classmethod
    def parse(cls, words: Iterable[str]) -> "TrustedProxies":
        """From addresses, networks ("10.0.0.0/8") and "unix". Raises ValueError for other words."""
        words = [word.strip() for word in words]
        return cls(
            networks=tuple(_network(word) for word in words if word != UNIX),
            unix=UNIX in words,
        )

    def __bool__(self) -> bool:
        return bool(self.networks) or self.unix

    def __contains__(self, address: Address) -> bool:
        return _is_in(address, self.networks)

    def has(self, peer: Any) -> bool:
        """Whether the peer of a connection is trusted; `peer` is `client` of an ASGI scope."""
        if not peer:
            return self.unix
        address = addresses.parse(peer[0])
        return address is not None and address in self


def _network(word: str) -> Network:
    network = ipaddress.ip_network(word, strict=False)
    if network.prefixlen == 0:
        raise ValueError(f"{word} is everybody, who could then claim any address")
    return network


@lru_cache(maxsize=1024)
def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
