"""The cast: Alice, whose money it is, and Bob, another customer."""

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory


@pytest.fixture
def alice(db: None) -> User:
    return UserFactory.create(email="alice@example.com", first_name="Alice", last_name="Archer")


@pytest.fixture
def bob(db: None) -> User:
    return UserFactory.create(email="bob@example.com", first_name="Bob", last_name="Baker")


@pytest.fixture
def api(alice: User) -> APIClient:
    """The API as Alice sees it."""
    return signed_in_client(alice)


@pytest.fixture
def bobs_api(bob: User) -> APIClient:
    return signed_in_client(bob)
