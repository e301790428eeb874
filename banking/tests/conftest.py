"""The cast: Alice and Bob of authentication's tests, their API clients, Alice's bank account."""

import pytest
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.conftest import alice, bob
from banking.models import BankAccount
from banking.tests.factories import BankAccountFactory

__all__ = ["alice", "bob"]


@pytest.fixture
def account(alice: User) -> BankAccount:
    """Alice's bank account."""
    return BankAccountFactory.create(owner=alice)


@pytest.fixture
def api(alice: User) -> APIClient:
    """Alice's client."""
    return signed_in_client(alice)


@pytest.fixture
def bobs_api(bob: User) -> APIClient:
    return signed_in_client(bob)
