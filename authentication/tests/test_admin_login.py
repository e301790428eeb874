"""Wrong passwords at the admin's sign-in."""

import pytest
from django.test import Client

from authentication.models import AuditEvent, User

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


def test_a_form_without_a_password_forgets_nothing(admin: User):
    client = Client()
    for _ in range(9):
        assert not sign_in(client, "wrong")
        assert not sign_in(client, "")
    assert not sign_in(client, "wrong")
    assert not sign_in(client, PASSWORD)


def test_signing_in_and_being_refused_are_in_the_audit_log(admin: User):
    assert not sign_in(Client(), "wrong")
    assert sign_in(Client(), PASSWORD)
    told = AuditEvent.objects.order_by("id")
    assert [(each.event, each.actor, each.subject) for each in told] == [
        ("sign-in refused", None, admin),
        ("signed in", admin, admin),
    ]
    assert {(each.client, each.details["to"]) for each in told} == {("127.0.0.1", "admin")}


def test_a_list_that_is_asked_for_an_absurd_year_is_shown_whole(admin: User):
    client = Client()
    client.force_login(admin)
    answer = client.get("/admin/exchange/order/?created_at__year=99999999999")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/exchange/order/?e=1")
