"""Wrong passwords at the admin's door."""

import pytest
from django.test import Client

from authentication.models import User

URL = "/admin/login/"
PASSWORD = "a long pass-phrase of an admin"


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("admin@example.com", PASSWORD)


def sign_in(client: Client, password: str) -> bool:
    answer = client.post(URL, {"username": "Admin@example.com", "password": password})
    return answer.status_code == 302


def test_the_right_password_opens_it(admin: User):
    assert sign_in(Client(), PASSWORD)


def test_after_ten_wrong_ones_the_right_one_does_not(admin: User):
    client = Client()
    for _ in range(10):
        assert not sign_in(client, "wrong")
    assert not sign_in(client, PASSWORD)
    answer = client.post(URL, {"username": "admin@example.com", "password": PASSWORD})
    assert "Too many wrong passwords" in answer.content.decode()


def test_a_few_slips_are_forgotten(admin: User):
    client = Client()
    for _ in range(2):
        for _ in range(6):
            assert not sign_in(client, "wrong")
        assert sign_in(client, PASSWORD)
