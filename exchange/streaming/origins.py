"""From which web pages a browser may open a socket.

Browsers send cookies and run foreign pages, so they name the page's origin; programs need not.
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

Headers = Iterable[tuple[bytes, bytes]]


def are_allowed(
    headers: Headers,
    *,
    allowed_hosts: Sequence[str],
    allowed_origins: Sequence[str],
    allowed_patterns: Sequence[str],
) -> bool:
    """Whether the request has no Origin header, or names allowed origins only.

    An origin is allowed if its host is, by the rules of Django's ALLOWED_HOSTS and whatever its
    port, or if it is itself one of `allowed_origins` ("https://app.example.com"), or if one of the
    regular expressions says so: the rules of CORS.
    """
    origins = [value.decode("latin-1") for name, value in headers if name.lower() == b"origin"]
    return all(
        origin in allowed_origins
        or any(re.match(pattern, origin) for pattern in allowed_patterns)
        or _has_host_of(origin, allowed_hosts)
        for origin in origins
    )


def _has_host_of(origin: str, allowed_hosts: Sequence[str]) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    domain, _ = split_domain_port(parts.netloc)
    is_web_page = parts.scheme in {"http", "https"}
    return is_web_page and bool(domain) and validate_host(domain, allowed_hosts)
