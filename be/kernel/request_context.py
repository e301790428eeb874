"""From where the work at hand was asked for: the request's id, its client's address and agent.

It is known where a request begins, and needed where something is written down that is deep below.
"""

from contextvars import ContextVar
from dataclasses import dataclass

NO_REQUEST = "-"


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`client` is the address as the server gives it, and `user_agent` what the client claims."""

    request_id: str = NO_REQUEST
    client: str = ""
    user_agent: str = ""


_NOWHERE = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_NOWHERE)


def current() -> RequestContext:
    """That of the request being handled; outside of one its `request_id` is "-"."""
    return _current.get()


def begin(*, request_id: str, client: str = "", user_agent: str = "") -> None:
    """A request begins, in this thread or task; the next one replaces it."""
    _current.set(RequestContext(request_id, client, user_agent))
