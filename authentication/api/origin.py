"""Where a request comes from, as far as it can be believed."""

import ipaddress
from typing import TypedDict

from django.http import HttpRequest
from rest_framework.request import Request

from authentication.models import Session

MAX_USER_AGENT_LENGTH = Session._meta.get_field("user_agent").max_length


class Origin(TypedDict):
    user_agent: str
    ip_address: str | None


def of(request: Request) -> Origin:
    """The client's own word for its software, and its address."""
    user_agent = request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")
    return Origin(user_agent=user_agent[:MAX_USER_AGENT_LENGTH], ip_address=ip_address_of(request))


def ip_address_of(request: Request | HttpRequest) -> str | None:
    """The address of the connection; None when there is none (a Unix socket).

    X-Forwarded-For is not read: anybody can write it, and tries are counted by address.
    """
    text = request.META.get("REMOTE_ADDR", "").partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows an IPv4 client as ::ffff:192.0.2.1.
    return str(getattr(address, "ipv4_mapped", None) or address)
