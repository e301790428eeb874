"""Hosts of one's own machine and network, and the origins of pages on them."""

import ipaddress
import re
from collections.abc import Iterable

# Names that no public server has (RFC 6761, RFC 6762, RFC 8375), and those that home routers give.
PRIVATE_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".test")
LOOPBACK = r"(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]"


def is_private(host: str) -> bool:
    """Whether this host of ALLOWED_HOSTS can't be reached from the internet by that name.

    A name of one word counts as private: Docker Compose gives such names to its services.
    """
    name = host.strip("[]").lower()
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        pass
    if name.startswith("."):  # all subdomains
        return name in PRIVATE_NAMES or name.endswith(PRIVATE_NAMES)
    return name.endswith(PRIVATE_NAMES) or re.fullmatch("[a-z0-9_-]+", name) is not None


def origins(hosts: Iterable[str]) -> str:
    """A regular expression for the origins of pages, on any port, of loopback and these hosts."""
    names = "|".join([LOOPBACK, *(_names(host.lower()) for host in hosts)])
    return rf"^https?://(?:{names})(?::[0-9]+)?\Z"


def _names(host: str) -> str:
    if host.startswith("."):
        return rf"(?:[a-z0-9_-]+\.)*{re.escape(host[1:])}"
    return re.escape(host)
