"""The cast: Alice, whose account it is; Bob, another user; a client that is not signed in."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.factories import UserFactory


@pytest.fixture
def alice(db: None) -> User:
    return UserFactory.create(email="alice@example.com", first_name="Alice", last_name="Archer")


@pytest.fixture
def bob(db: None) -> User:
    return UserFactory.create(email="bob@example.com", first_name="Bob", last_name="Baker")


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def hash_count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed so far, for any purpose."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counting(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    return hashed
