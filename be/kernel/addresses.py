"""IP addresses, read from text of any source."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse(text: str) -> Address | None:
    """The address that the text is; None if it is none.

    The zone of a link-local address is dropped. IPv4 addresses that are mapped to IPv6 become IPv4
    again: a socket for both families shows 192.0.2.1 as ::ffff:192.0.2.1.
    """
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
