"""Signing out ends a session at once."""

import pytest

from authentication.tests.api_client import client_with, signed_in
from authentication.tests.problems import assert_problem

URL = "/api/auth/logout/"


def log_out(client, token):
    return client.post(URL, {"refresh_token": token})


def test_signing_out_ends_the_session_with_all_its_tokens(anonymous, alice):
    tokens = signed_in(alice)
    other_device = signed_in(alice)

    response = log_out(anonymous, tokens.refresh_token)

    assert response.status_code == 204
    assert response.content == b""
    assert alice.sessions.get(end_reason="logged_out").ended_at is not None
    me = client_with(tokens.access_token).get("/api/auth/me/")
    assert_problem(me, status=401, code="invalid_token")
    refreshed = anonymous.post("/api/auth/refresh/", {"refresh_token": tokens.refresh_token})
    assert_problem(refreshed, status=401, code="invalid_token")
    assert client_with(other_device.access_token).get("/api/auth/me/").status_code == 200


def test_signing_out_twice_is_no_error_and_keeps_the_first_time(anonymous, alice):
    token = signed_in(alice).refresh_token
    log_out(anonymous, token)
    ended_at = alice.sessions.get().ended_at

    assert log_out(anonymous, token).status_code == 204
    assert alice.sessions.get().ended_at == ended_at


def test_an_older_refresh_token_signs_its_family_out_too(anonymous, alice):
    first = signed_in(alice)
    second = anonymous.post("/api/auth/refresh/", {"refresh_token": first.refresh_token}).json()

    assert log_out(anonymous, first.refresh_token).status_code == 204
    assert client_with(second["access_token"]).get("/api/auth/me/").status_code == 401


def test_an_access_token_signs_nobody_out(anonymous, alice):
    response = log_out(anonymous, signed_in(alice).access_token)

    assert_problem(response, status=401, code="invalid_token")
    assert alice.sessions.get().ended_at is None


@pytest.mark.django_db
def test_what_is_no_token_is_refused(anonymous):
    assert_problem(log_out(anonymous, "nonsense"), status=401, code="invalid_token")


@pytest.mark.parametrize("value", [None, 7, "", "x" * 1201])
@pytest.mark.django_db
def test_malformed_input_is_refused_by_field(anonymous, value):
    assert_problem(log_out(anonymous, value), status=400, code="invalid", field="refresh_token")


def test_a_bad_authorization_header_is_ignored(anonymous, alice):
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    assert log_out(anonymous, signed_in(alice).refresh_token).status_code == 204
