"""What can do the most harm asks for a step-up, which lasts five minutes."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from authentication import sessions
from authentication.tests.api_client import client_with, signed_in, signed_in_client
from authentication.tests.factories import PASSWORD
from authentication.tests.problems import assert_problem
from authentication.tests.second_factors import (
    FACTOR,
    FACTORS,
    STEP_UP,
    begin_sign_in,
    ok,
    set_up_app,
)

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
STALE = NOW + timedelta(minutes=6)
NEW = "a battery, a window"

FACTOR_CHANGES = [
    ("post", "factors/totp/", {}),
    ("post", "factors/totp/confirm/", {"code": "123456"}),
    ("delete", "factors/totp/", {}),
    ("post", "factors/recovery-codes/", {}),
    ("post", "factors/passkeys/options/", {}),
    ("post", "factors/passkeys/", {"name": "A phone", "credential": {}}),
    ("delete", "factors/passkeys/019a0b6e-5a00-7c3d-9f21-4be2c1f0a9d5/", {}),
]
PROTECTED = [
    *FACTOR_CHANGES,
    ("post", "api-keys/", {"name": "A bot", "scopes": ["read"]}),
    ("delete", "api-keys/019a0b6e-5a00-7c3d-9f21-4be2c1f0a9d5/", {}),
    ("post", "password/", {"current_password": PASSWORD, "new_password": NEW}),
]


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def client(alice, clock):
    return signed_in_client(alice)


@pytest.fixture
def app(client, clock):
    """Her phone and codes; the step-up of her sign-in is past."""
    found = set_up_app(client, NOW)
    clock.move_to(STALE)
    return found


def send(client, method, path, body):
    return getattr(client, method)(f"/api/auth/{path}", body or None)


@pytest.mark.parametrize(("method", "path", "body"), PROTECTED)
def test_without_a_step_up_nothing_of_it_is_done(client, alice, app, method, path, body):
    answer = send(client, method, path, body)

    assert_problem(answer, status=403, code="step_up_required")
    shown = ok(client.get(FACTORS))
    assert shown["totp"] is not None
    assert (shown["recovery_codes_left"], shown["stepped_up_until"]) == (10, None)
    password = alice.password
    alice.refresh_from_db()
    assert alice.password == password


def test_a_step_up_by_a_code_lasts_five_minutes(client, app, clock):
    answer = ok(client.post(STEP_UP, {"code": app[0].code(STALE)}))

    assert answer == {"stepped_up_until": "2026-03-02T14:41:00.000000Z"}
    assert ok(client.get(FACTORS))["stepped_up_until"] == answer["stepped_up_until"]
    clock.move_to(STALE + timedelta(minutes=4, seconds=59))
    assert client.post(f"{FACTORS}recovery-codes/").status_code == 201
    clock.move_to(STALE + timedelta(minutes=5))
    answer = client.post(f"{FACTORS}recovery-codes/")
    assert_problem(answer, status=403, code="step_up_required")


def test_a_step_up_holds_for_its_session_only(client, alice, app):
    elsewhere = sessions.open_session(
        user=alice, user_agent="", ip_address=None, now=NOW
    ).access_token

    ok(client.post(STEP_UP, {"code": app[1][0]}))

    answer = client_with(elsewhere).post(f"{FACTORS}recovery-codes/")
    assert_problem(answer, status=403, code="step_up_required")


def test_signing_in_by_both_factors_is_a_step_up(anonymous, alice, app):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    tokens = ok(anonymous.post(FACTOR, {"factor_token": token, "code": app[0].code(STALE)}))

    answer = client_with(tokens["access_token"]).post(
        "/api/auth/password/", {"current_password": PASSWORD, "new_password": NEW}
    )

    assert answer.status_code == 204


def test_new_tokens_are_no_step_up(anonymous, alice, client, app):
    tokens = sessions.open_session(user=alice, user_agent="", ip_address=None, now=NOW)

    fresh = ok(anonymous.post("/api/auth/refresh/", {"refresh_token": tokens.refresh_token}))

    answer = client_with(fresh["access_token"]).post(f"{FACTORS}recovery-codes/")
    assert_problem(answer, status=403, code="step_up_required")


def test_the_password_is_no_step_up_for_who_has_a_second_factor(client, app):
    answer = client.post(STEP_UP, {"password": PASSWORD})

    assert_problem(answer, status=422, code="wrong_factor", field="password")
    assert ok(client.get(FACTORS))["stepped_up_until"] is None


def test_a_code_steps_up_once(client, app):
    code = app[0].code(STALE)
    ok(client.post(STEP_UP, {"code": code}))

    answer = client.post(STEP_UP, {"code": code})

    assert_problem(answer, status=422, code="wrong_factor", field="code")


def test_wrong_codes_are_counted_with_those_of_signing_in(client, anonymous, alice, app):
    for _ in range(10):
        answer = client.post(STEP_UP, {"code": "000000"})
        assert_problem(answer, status=422, code="wrong_factor", field="code")

    answer = client.post(STEP_UP, {"code": app[0].code(STALE)})
    assert_problem(answer, status=429, code="too_many_attempts")
    answer = anonymous.post("/api/auth/login/", {"email": alice.email, "password": PASSWORD})
    assert_problem(answer, status=429, code="too_many_attempts")


@pytest.mark.parametrize(("method", "path", "body"), FACTOR_CHANGES)
def test_a_stale_session_without_a_factor_adds_none(client, clock, method, path, body):
    """So a stolen access token locks nobody out."""
    clock.move_to(STALE)

    assert_problem(send(client, method, path, body), status=403, code="step_up_required")


def test_who_has_no_factor_steps_up_by_the_password(client, clock):
    clock.move_to(STALE)

    answer = client.post(STEP_UP, {"password": "wrong"})
    assert_problem(answer, status=422, code="wrong_factor", field="password")
    ok(client.post(STEP_UP, {"password": PASSWORD}))

    assert client.post(f"{FACTORS}totp/").status_code == 201
    answer = client.post(STEP_UP, {"code": "123456"})
    assert_problem(answer, status=409, code="no_second_factor")


def test_guesses_at_the_password_are_counted(client):
    for _ in range(10):
        client.post(STEP_UP, {"password": "wrong"})

    answer = client.post(STEP_UP, {"password": PASSWORD})

    assert_problem(answer, status=429, code="too_many_attempts")


def test_who_has_no_factor_changes_the_password_as_ever(client, clock):
    clock.move_to(STALE)

    answer = client.post("/api/auth/password/", {"current_password": PASSWORD, "new_password": NEW})

    assert answer.status_code == 204


def test_the_first_factor_takes_the_step_up_from_other_sessions(alice, clock):
    here, elsewhere = signed_in_client(alice), signed_in(alice)

    set_up_app(here, NOW)

    assert ok(here.get(FACTORS))["stepped_up_until"] is not None
    other = client_with(elsewhere.access_token)
    assert ok(other.get(FACTORS))["stepped_up_until"] is None


@pytest.mark.parametrize(
    "body", [{}, {"code": "1", "password": "x"}, {"code": "1", "passkey": {}, "password": "x"}]
)
def test_a_step_up_is_by_exactly_one_thing(client, body):
    answer = client.post(STEP_UP, body)

    assert_problem(answer, status=400, code="invalid", field="code")
    assert answer.json()["errors"][0]["code"] == "exactly_one"
