"""The origin of a request: the client's address, and the user agent that it claims."""

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
    """The User-Agent header, shortened to the column, and the client's address."""
    user_agent = request.META.get("HTTP_USER_AGENT", "").replace("\x00", "")
    return Origin(user_agent=user_agent[:MAX_USER_AGENT_LENGTH], ip_address=ip_address_of(request))


def ip_address_of(request: Request | HttpRequest) -> str | None:
    """The client's address; None when there is none (a Unix socket).

    It is the connection's, or what a trusted proxy reports (be/serving/proxies.py). Headers are not
    read here: any client can write them, and failed sign-ins are counted by address.
    """
    address = addresses.parse(request.META.get("REMOTE_ADDR", ""))
    return None if address is None else str(address)
