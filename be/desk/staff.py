"""Who asks for a page of the admin."""

from django.http import HttpRequest

from authentication.models import User


def acting(request: HttpRequest) -> User:
    """The administrator; the admin has made sure that somebody is signed in."""
    assert isinstance(request.user, User)  # noqa: S101 - the admin has made sure
    return request.user
