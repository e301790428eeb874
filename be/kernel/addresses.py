"""Addresses of the internet, in whatever form they come."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse(text: str) -> Address | None:
    """The address that the text names; None if it names none.

    Without the zone of a link-local one, and IPv4 as itself: a socket for both families shows
    192.0.2.1 as ::ffff:192.0.2.1.
    """
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
