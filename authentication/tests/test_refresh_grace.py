"""REFRESH_GRACE_SECONDS: a repeat after a lost response gets the same response."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from authentication import sessions
from authentication.models import Session, User
from authentication.sessions import Tokens
from authentication.tests.api_client import client_with, signed_in
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from authentication.tokens import InvalidToken

URL = "/api/auth/refresh/"
ME = "/api/auth/me/"
NOW = timezone.now()
AGENT = "Firefox"
ADDRESS = "192.0.2.7"


@pytest.fixture(autouse=True)
def grace(settings):
    settings.REFRESH_GRACE_SECONDS = 10


def refresh(token: str, *, after: float = 0, agent: str = AGENT, address: str | None = ADDRESS):
    return sessions.refresh(
        refresh_token=token,
        user_agent=agent,
        ip_address=address,
        now=NOW + timedelta(seconds=after),
    )


def secrets(tokens: Tokens) -> tuple[User, str, str]:
    return tokens.user, tokens.access_token, tokens.refresh_token


def assert_ended_by_reuse(session: Session, *tokens: Tokens) -> None:
    session.refresh_from_db()
    assert session.end_reason == "reuse"
    for each in tokens:
        assert client_with(each.access_token).get(ME).status_code == 401


def test_an_identical_repeat_has_the_same_new_tokens_and_they_work(alice):
    token = signed_in(alice).refresh_token

    first = refresh(token)
    repeated = refresh(token, after=9.5)

    assert secrets(repeated) == secrets(first)
    assert alice.sessions.get().ended_at is None
    assert client_with(repeated.access_token).get(ME).status_code == 200
    assert refresh(repeated.refresh_token, after=20).refresh_token != repeated.refresh_token


def test_the_repeat_says_how_long_its_access_token_is_good_for_yet(alice):
    token = signed_in(alice).refresh_token

    assert refresh(token).expires_in == 900
    assert refresh(token, after=7).expires_in == 893


def test_a_repeat_may_be_repeated_and_prolongs_nothing(alice):
    token = signed_in(alice).refresh_token
    first = refresh(token)
    expires_at = alice.sessions.get().expires_at

    assert secrets(refresh(token, after=4)) == secrets(first)
    assert secrets(refresh(token, after=8)) == secrets(first)

    assert alice.sessions.get().expires_at == expires_at
    assert alice.sessions.get().last_used_at == NOW


@pytest.mark.parametrize(
    "other",
    [
        {"after": 10},
        {"agent": "curl"},
        {"address": "198.51.100.9"},
        {"address": None},
    ],
    ids=["too late", "another agent", "another address", "no address"],
)
def test_any_other_repeat_ends_the_family(alice, other):
    token = signed_in(alice).refresh_token
    first = refresh(token)

    with pytest.raises(InvalidToken):
        refresh(token, **other)

    assert_ended_by_reuse(alice.sessions.get(), first)


def test_where_the_address_is_unknown_there_is_no_grace(alice):
    token = signed_in(alice).refresh_token
    first = refresh(token, address=None)

    with pytest.raises(InvalidToken):
        refresh(token, address=None)

    assert_ended_by_reuse(alice.sessions.get(), first)


def test_once_the_new_token_is_used_the_old_one_has_no_grace(alice):
    token = signed_in(alice).refresh_token
    first = refresh(token)
    second = refresh(first.refresh_token, after=1)

    with pytest.raises(InvalidToken):
        refresh(token, after=2)

    assert_ended_by_reuse(alice.sessions.get(), first, second)


def test_a_session_that_has_ended_repeats_nothing(alice):
    token = signed_in(alice).refresh_token
    refresh(token)
    sessions.log_out(refresh_token=token, now=NOW)

    with pytest.raises(InvalidToken):
        refresh(token, after=1)

    assert alice.sessions.get().end_reason == "logged_out"


def test_an_inactive_user_gets_no_repeat(alice):
    token = signed_in(alice).refresh_token
    refresh(token)
    User.objects.update(is_active=False)

    with pytest.raises(InvalidToken):
        refresh(token, after=1)


def test_without_the_setting_the_first_repeat_ends_the_family(alice, settings):
    settings.REFRESH_GRACE_SECONDS = 0
    token = signed_in(alice).refresh_token
    first = refresh(token)

    # Of two racing requests, the one that read the clock first may come second.
    with pytest.raises(InvalidToken):
        refresh(token, after=-0.001)

    assert_ended_by_reuse(alice.sessions.get(), first)


def test_what_is_stored_is_no_token_and_no_address(alice):
    token = signed_in(alice).refresh_token
    first = refresh(token)

    row = " ".join(str(value) for value in Session.objects.values_list().get())

    for secret in (token, first.refresh_token, first.access_token, ADDRESS, AGENT):
        assert secret not in row


@pytest.mark.django_db(transaction=True)
def test_twelve_tabs_that_refresh_at_once_all_have_the_same_tokens():
    alice = UserFactory.create()
    token = signed_in(alice).refresh_token
    start = Barrier(12)

    def race(_):
        client = APIClient(HTTP_USER_AGENT=AGENT, REMOTE_ADDR=ADDRESS)
        start.wait()
        try:
            return client.post(URL, {"refresh_token": token})
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(race, range(12)))

    assert [response.status_code for response in responses] == [200] * 12
    answers = [response.json() for response in responses]
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert len({answer["access_token"] for answer in answers}) == 1
    assert client_with(answers[0]["access_token"]).get(ME).status_code == 200
    assert alice.sessions.get().ended_at is None
    thief = APIClient(HTTP_USER_AGENT=AGENT, REMOTE_ADDR="198.51.100.9")
    assert_problem(thief.post(URL, {"refresh_token": token}), status=401, code="invalid_token")
    assert alice.sessions.get().end_reason == "reuse"
