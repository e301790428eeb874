"""Who makes a request: `IsAuthenticated` has refused everybody else before a view asks."""

from typing import cast

from rest_framework.request import Request

from authentication.grants import AccessGrant
from authentication.models import User


def user(request: Request) -> User:
    """The authenticated user."""
    return cast(User, request.user)


def grant(request: Request) -> AccessGrant:
    """The right that the request's token or API key gives."""
    return cast(AccessGrant, request.auth)
