"""Changing the password ends every session."""

import pytest
from django.utils import timezone

from authentication import sessions
from authentication.tests.api_client import client_with, escaped, signed_in, signed_in_client
from authentication.tests.factories import PASSWORD
from authentication.tests.problems import assert_problem

URL = "/api/auth/password/"
NEW = "a battery, a window"


def log_in(client, password):
    return client.post("/api/auth/login/", {"email": "alice@example.com", "password": password})


def test_a_new_password_replaces_the_old_one_and_ends_every_session(anonymous, alice, bob):
    here, elsewhere, bobs = signed_in(alice), signed_in(alice), signed_in(bob)

    response = client_with(here.access_token).post(
        URL, {"current_password": PASSWORD, "new_password": NEW}
    )

    assert response.status_code == 204
    for tokens in (here, elsewhere):
        assert client_with(tokens.access_token).get("/api/auth/me/").status_code == 401
        refreshed = anonymous.post("/api/auth/refresh/", {"refresh_token": tokens.refresh_token})
        assert refreshed.status_code == 401
    assert {s.end_reason for s in alice.sessions.all()} == {"password_changed"}
    assert client_with(bobs.access_token).get("/api/auth/me/").status_code == 200
    assert log_in(anonymous, PASSWORD).status_code == 401
    assert log_in(anonymous, NEW).status_code == 200


def assert_unchanged(alice):
    password = alice.password
    alice.refresh_from_db()
    assert alice.password == password
    assert not alice.sessions.exclude(ended_at=None).exists()


def test_a_wrong_current_password_is_refused_and_changes_nothing(alice):
    response = signed_in_client(alice).post(URL, {"current_password": "wrong", "new_password": NEW})

    assert_problem(response, status=422, code="wrong_password", field="current_password")
    assert_unchanged(alice)


@pytest.mark.parametrize("new", ["short", "password123", "829310475621", "alice@example.com"])
def test_a_new_password_that_breaks_the_rules_is_refused(alice, new):
    response = signed_in_client(alice).post(
        URL, {"current_password": PASSWORD, "new_password": new}
    )

    assert_problem(response, status=400, code="unacceptable_password", field="new_password")
    assert_unchanged(alice)


@pytest.mark.parametrize("field", ["current_password", "new_password"])
@pytest.mark.parametrize("value", [None, 7, "", "x" * 129, "a\x00b", "\ud800"])
def test_malformed_input_is_refused_by_field(alice, field, value):
    body = {"current_password": PASSWORD, "new_password": NEW, field: value}

    response = signed_in_client(alice).post(URL, **escaped(body))

    assert_problem(response, status=400, code="invalid", field=field)
    assert_unchanged(alice)


def test_a_stolen_access_token_does_not_allow_endless_guesses(anonymous, alice):
    client = signed_in_client(alice)
    for _ in range(10):
        client.post(URL, {"current_password": "wrong", "new_password": NEW})

    response = client.post(URL, {"current_password": PASSWORD, "new_password": NEW})

    assert_problem(response, status=429, code="too_many_attempts")
    assert int(response["Retry-After"]) > 0
    assert_unchanged(alice)
    assert log_in(anonymous, PASSWORD).status_code == 429


def test_of_two_changes_at_once_the_second_finds_its_current_password_gone(alice):
    stale = type(alice).objects.get(pk=alice.pk)

    def change(user, new_password):
        sessions.change_password(
            user=user,
            current_password=PASSWORD,
            new_password=new_password,
            ip_address=None,
            now=timezone.now(),
        )

    change(alice, NEW)

    with pytest.raises(sessions.WrongPassword):
        change(stale, "the other one wins")
    alice.refresh_from_db()
    assert alice.check_password(NEW)


@pytest.mark.django_db
def test_the_password_is_not_changed_without_a_token(anonymous):
    response = anonymous.post(URL, {"current_password": PASSWORD, "new_password": NEW})

    assert_problem(response, status=401, code="not_authenticated")
