"""Staff with a second factor bring it to get into the admin, and to change their password there."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from authentication.models import Passkey, User
from authentication.tests.api_client import signed_in_client
from authentication.tests.second_factors import ok, set_up_app, set_up_passkey

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)
LOGIN = "/admin/login/"
CHANGE = "/admin/password_change/"
PASSWORD = "a long pass-phrase of an admin"
NEW = "another long pass-phrase"


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def root(db, clock) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


@pytest.fixture
def app(root, clock):
    """The administrator's phone and recovery codes."""
    found = set_up_app(signed_in_client(root), NOW)
    clock.move_to(LATER)
    return found


@pytest.fixture
def passkey(root, settings):
    settings.DEBUG = True
    return set_up_passkey(signed_in_client(root))


def sign_in(client, *, password=PASSWORD, **more):
    form = {"username": "root@example.com", "password": password, **more}
    return client.post(LOGIN, form)


def is_in(client) -> bool:
    status: int = client.get("/admin/").status_code
    return status == 200


def answer_of(passkey) -> str:
    asked = ok(APIClient().post("/api/auth/login/passkey/options/", {}))["public_key"]
    return json.dumps(passkey.get(asked))


def test_the_password_alone_opens_nothing(app):
    client = Client()

    answer = sign_in(client)

    assert answer.status_code == 200
    assert "You have a second factor" in answer.text
    assert not is_in(client)


def test_the_password_and_a_code_open_it_once(app):
    client, other = Client(), Client()

    assert sign_in(client, code=app[0].code(LATER)).status_code == 302
    assert is_in(client)

    assert "does not work" in sign_in(other, code=app[0].code(LATER)).text
    assert not is_in(other)


def test_a_recovery_code_opens_it(app):
    client = Client()

    assert sign_in(client, code=app[1][0]).status_code == 302
    assert is_in(client)


def test_a_code_without_the_password_opens_nothing(app):
    client = Client()

    assert sign_in(client, password="wrong", code=app[0].code(LATER)).status_code == 200
    assert not is_in(client)
    # ... and it was not used up.
    assert sign_in(client, code=app[0].code(LATER)).status_code == 302


def test_wrong_codes_close_the_account_and_the_right_password_does_not_open_it(app):
    client = Client()
    for _ in range(10):
        sign_in(client)  # the password is right, and clears nothing
        assert "does not work" in sign_in(client, code="000000").text

    assert "Too many" in sign_in(client, code=app[0].code(LATER)).text
    assert not is_in(client)


def test_a_browser_that_was_signed_in_before_the_factor_has_to_sign_in_again(root, clock):
    client = Client()
    assert sign_in(client).status_code == 302
    assert is_in(client)

    phone, _ = set_up_app(signed_in_client(root), NOW)
    assert not is_in(client)

    clock.move_to(LATER)
    assert sign_in(client, code=phone.code(LATER)).status_code == 302
    assert is_in(client)


def test_a_session_that_was_opened_elsewise_is_not_enough(root, app):
    client = Client()
    client.force_login(root)

    assert not is_in(client)


def test_a_passkey_alone_opens_it(passkey):
    client = Client()

    assert client.post(LOGIN, {"passkey": answer_of(passkey)}).status_code == 302
    assert is_in(client)


def test_the_passkey_of_a_customer_opens_nothing(alice, root, settings, clock):
    settings.DEBUG = True
    customers = set_up_passkey(signed_in_client(alice))
    client = Client()

    assert client.post(LOGIN, {"passkey": answer_of(customers)}).status_code == 200
    assert sign_in(client, passkey=answer_of(customers)).status_code == 200
    assert not is_in(client)


@pytest.mark.parametrize(
    "passkey",
    ["{", "[]", "7", "{}", "[" * 5000, "null", "\x00"],
    ids=["cut", "list", "number", "empty", "deep", "null", "NUL"],
)
def test_what_is_no_passkey_opens_nothing(root, passkey):
    client = Client()

    assert client.post(LOGIN, {"passkey": passkey}).status_code == 200
    assert not is_in(client)


def change(client, **more):
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW, **more}
    return client.post(CHANGE, form)


def test_a_new_password_takes_the_second_factor_again(root, app, clock):
    client = Client()
    sign_in(client, code=app[0].code(LATER))
    assert "Code" in client.get(CHANGE).text

    for wrong in ({}, {"code": app[0].code(LATER)}, {"code": "000000"}):
        assert change(client, **wrong).status_code == 200
    root.refresh_from_db()
    assert root.check_password(PASSWORD)

    assert change(client, code=app[1][0]).status_code == 302
    root.refresh_from_db()
    assert root.check_password(NEW)


def test_a_passkey_is_as_good_for_a_new_password_but_only_ones_own(root, passkey, alice):
    client = Client()
    client.post(LOGIN, {"passkey": answer_of(passkey)})
    customers = set_up_passkey(signed_in_client(alice))

    assert change(client, passkey=answer_of(customers)).status_code == 200
    assert change(client, passkey=answer_of(passkey)).status_code == 302
    assert Passkey.objects.get(user=root).sign_count == 2


def test_who_has_no_second_factor_is_asked_for_none(root):
    client = Client()

    assert sign_in(client).status_code == 302
    assert is_in(client)
    assert change(client).status_code == 302
