"""The cast of authentication's tests, Alice and Bob, with a client of the API each."""

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.conftest import alice, bob

__all__ = ["alice", "bob"]


@pytest.fixture
def api(alice: User) -> APIClient:
    """The API as Alice sees it."""
    return signed_in_client(alice)


@pytest.fixture
def bobs_api(bob: User) -> APIClient:
    return signed_in_client(bob)
