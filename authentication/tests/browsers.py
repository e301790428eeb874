"""Browsers that are signed in to the admin."""

from django.test import Client

from authentication.models import User
from authentication.tests.factories import UserFactory


def browser(user: User) -> Client:
    """A browser with a session of `user`."""
    client = Client()
    client.force_login(user)
    return client


def administrator(email: str = "root@example.com") -> Client:
    """The browser of a new superuser."""
    return browser(UserFactory.create(email=email, is_staff=True, is_superuser=True))
