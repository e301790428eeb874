"""Where a request comes from, as far as it can be believed."""

from typing import TypedDict

from django.http import HttpRequest
from rest_framework.request import Request

from authentication.models import Session
from be.kernel import addresses

MAX_USER_AGENT_LENGTH = Session._meta.get_field("user_agent").max_length


class Origin(TypedDict):
    user_agent: str
    ip_address: str | None


def of(request: Request) -> Origin:
    """The client's own word for its software, and its address."""
    user_agent = request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")
    return Origin(user_agent=user_agent[:MAX_USER_AGENT_LENGTH], ip_address=ip_address_of(request))


def ip_address_of(request: Request | HttpRequest) -> str | None:
    """The client's address; None when there is none (a Unix socket).

    It is the connection's, or what a trusted proxy says (be/serving/proxies.py). Headers are not
    read here: anybody can write them, and tries are counted by address.
    """
    address = addresses.parse(request.META.get("REMOTE_ADDR", ""))
    return None if address is None else str(address)
