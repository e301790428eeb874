"""Refreshing: each refresh token works once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from authentication import sessions
from authentication.models import Session
from authentication.tests.api_client import client_with, signed_in
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from authentication.tokens import InvalidToken

URL = "/api/auth/refresh/"
ME = "/api/auth/me/"


def refresh(client, token):
    return client.post(URL, {"refresh_token": token})


def test_a_refresh_token_is_exchanged_for_new_tokens_of_the_same_session(anonymous, alice):
    first = signed_in(alice)

    response = refresh(anonymous, first.refresh_token)

    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["refresh_token"] != first.refresh_token
    assert client_with(answer["access_token"]).get(ME).json()["id"] == str(alice.pk)
    assert client_with(first.access_token).get(ME).status_code == 200
    assert Session.objects.count() == 1
    assert refresh(anonymous, answer["refresh_token"]).status_code == 200


def test_a_refresh_prolongs_the_session(alice):
    now = timezone.now()
    tokens = signed_in(alice)

    sessions.refresh(
        refresh_token=tokens.refresh_token,
        user_agent="tests",
        ip_address="127.0.0.1",
        now=now + timedelta(days=7),
    )

    session = alice.sessions.get()
    assert session.last_used_at == now + timedelta(days=7)
    assert abs(session.expires_at - (now + timedelta(days=21))) < timedelta(seconds=2)


def test_a_token_used_twice_ends_the_whole_family(anonymous, alice):
    first = signed_in(alice)
    other_device = signed_in(alice)
    second = refresh(anonymous, first.refresh_token).json()

    reused = refresh(anonymous, first.refresh_token)

    assert_problem(reused, status=401, code="invalid_token")
    session = alice.sessions.get(end_reason="reuse")
    assert session.ended_at is not None
    for access_token in (first.access_token, second["access_token"]):
        assert client_with(access_token).get(ME).status_code == 401
    assert refresh(anonymous, second["refresh_token"]).status_code == 401
    assert client_with(other_device.access_token).get(ME).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_twelve_racing_requests_one_wins_and_the_family_ends():
    alice = UserFactory.create()
    token = signed_in(alice).refresh_token
    start = Barrier(12)

    def race(_):
        client = APIClient()
        start.wait()
        try:
            return refresh(client, token)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(race, range(12)))

    assert sorted(response.status_code for response in responses) == [200] + [401] * 11
    assert alice.sessions.get().end_reason == "reuse"
    winner = next(response.json() for response in responses if response.status_code == 200)
    assert client_with(winner["access_token"]).get(ME).status_code == 401
    assert refresh(APIClient(), winner["refresh_token"]).status_code == 401


def test_an_expired_refresh_token_is_refused_and_ends_nothing(alice):
    tokens = signed_in(alice)

    with pytest.raises(InvalidToken):
        sessions.refresh(
            refresh_token=tokens.refresh_token,
            user_agent="tests",
            ip_address="127.0.0.1",
            now=timezone.now() + timedelta(days=14, seconds=1),
        )
    assert alice.sessions.get().ended_at is None


def test_a_session_that_was_cut_short_is_not_prolonged(anonymous, alice):
    tokens = signed_in(alice)
    alice.sessions.update(expires_at=timezone.now())

    response = refresh(anonymous, tokens.refresh_token)

    assert_problem(response, status=401, code="invalid_token")


def test_an_ended_session_is_not_revived(anonymous, alice):
    tokens = signed_in(alice)
    sessions.log_out(refresh_token=tokens.refresh_token, now=timezone.now())

    response = refresh(anonymous, tokens.refresh_token)

    assert_problem(response, status=401, code="invalid_token")
    assert alice.sessions.get().end_reason == "logged_out"


def test_an_inactive_user_gets_no_tokens(anonymous, alice):
    tokens = signed_in(alice)
    alice.is_active = False
    alice.save()

    response = refresh(anonymous, tokens.refresh_token)

    assert_problem(response, status=401, code="invalid_token")


def test_an_access_token_is_no_refresh_token(anonymous, alice):
    response = refresh(anonymous, signed_in(alice).access_token)

    assert_problem(response, status=401, code="invalid_token")
    assert alice.sessions.get().ended_at is None


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "ä.ö.ü", "W1tbW1tb." * 100])
@pytest.mark.django_db
def test_what_is_no_token_is_refused(anonymous, token):
    assert_problem(refresh(anonymous, token), status=401, code="invalid_token")


@pytest.mark.parametrize("value", [None, 7, True, [], {}, "", "x" * 1201, "\x00"])
@pytest.mark.django_db
def test_malformed_input_is_refused_by_field(anonymous, value):
    assert_problem(refresh(anonymous, value), status=400, code="invalid", field="refresh_token")


def test_a_bad_authorization_header_is_ignored(anonymous, alice):
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    assert refresh(anonymous, signed_in(alice).refresh_token).status_code == 200
