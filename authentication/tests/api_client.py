"""API clients that are signed in as a user."""

import json
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from authentication import sessions
from authentication.models import User
from authentication.sessions import Tokens


def signed_in(user: User, *, user_agent: str = "tests", ip_address: str = "127.0.0.1") -> Tokens:
    """The tokens of a new session of `user`."""
    return sessions.open_session(
        user=user, user_agent=user_agent, ip_address=ip_address, now=timezone.now()
    )


def client_with(access_token: str) -> APIClient:
    """A client that sends this access token."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access_token}")
    return client


def signed_in_client(user: User) -> APIClient:
    """A client in a real session of `user`."""
    return client_with(signed_in(user).access_token)


def escaped(body: dict[str, Any]) -> dict[str, Any]:
    """A body for `client.post(url, **…)` in pure ASCII, so that it can hold half a surrogate."""
    return {"data": json.dumps(body), "content_type": "application/json"}
