"""An authenticator app and recovery codes: set up, asked for at sign-in, used once, removed."""

from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import unquote

import pytest
import time_machine
from django.db import connection
from rest_framework.test import APIClient

from authentication import factor_tokens, factors, sessions
from authentication.attempts import TooManyAttempts
from authentication.challenges import Purpose
from authentication.factors import Proof, WrongFactor
from authentication.models import AuthenticatorApp, LoginAttempt, RecoveryCode
from authentication.rules import totp
from authentication.tests.api_client import client_with, signed_in, signed_in_client
from authentication.tests.factories import PASSWORD, UserFactory
from authentication.tests.problems import assert_problem
from authentication.tests.second_factors import (
    FACTOR,
    FACTORS,
    LOGIN,
    begin_sign_in,
    ok,
    set_up_app,
)
from banking.tests.parallel import at_once

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def app(alice, clock):
    """Alice's phone, and her recovery codes."""
    found = set_up_app(signed_in_client(alice), NOW)
    clock.move_to(LATER)
    return found


def finish(client, token, code):
    return client.post(FACTOR, {"factor_token": token, "code": code})


def test_an_app_is_set_up_by_a_secret_and_a_code(alice, clock):
    client = signed_in_client(alice)

    begun = client.post(f"{FACTORS}totp/")

    secret = ok(begun, 201)["secret"]
    assert begun["Cache-Control"] == "no-store"
    assert f"secret={secret}" in begun.json()["otpauth_uri"]
    assert begun.json()["qr_code"].startswith("data:image/svg+xml")
    assert "<svg" in unquote(begun.json()["qr_code"])
    assert not ok(client.get(FACTORS))["second_factor"]
    phone, codes = set_up_app(client, NOW)
    assert phone.secret != secret
    shown = ok(client.get(FACTORS))
    assert shown["second_factor"] is True
    assert shown["totp"] == {"confirmed_at": "2026-03-02T14:30:00.000000Z"}
    assert (shown["passkeys"], shown["recovery_codes_left"]) == ([], 10)
    assert len(set(codes)) == 10
    assert ok(client.get("/api/auth/me/"))["second_factor"] is True


def test_neither_the_secret_nor_the_codes_are_in_the_database_or_the_log(alice, clock, caplog):
    caplog.set_level("DEBUG")
    phone, codes = set_up_app(signed_in_client(alice), NOW)

    app = AuthenticatorApp.objects.get()
    stored = bytes(app.secret_encrypted)
    assert phone.secret.encode() not in stored
    digests = "".join(RecoveryCode.objects.values_list("digest", flat=True))
    said = caplog.text + digests
    assert not any(code in said or code.replace("-", "") in said for code in [*codes, phone.secret])


def test_a_wrong_code_confirms_nothing(alice, clock):
    client = signed_in_client(alice)
    client.post(f"{FACTORS}totp/")

    answer = client.post(f"{FACTORS}totp/confirm/", {"code": "000000"})

    assert_problem(answer, status=422, code="wrong_factor", field="code")
    assert not ok(client.get("/api/auth/me/"))["second_factor"]


def test_nothing_can_be_confirmed_that_was_not_begun(alice, clock):
    answer = signed_in_client(alice).post(f"{FACTORS}totp/confirm/", {"code": "000000"})

    assert_problem(answer, status=422, code="wrong_factor", field="code")


def test_a_second_app_needs_the_first_one_removed(alice, app):
    client = signed_in_client(alice)

    assert_problem(client.post(f"{FACTORS}totp/"), status=409, code="authenticator_app_exists")
    answer = client.post(f"{FACTORS}totp/confirm/", {"code": app[0].code(LATER)})
    assert_problem(answer, status=409, code="authenticator_app_exists")


def test_signing_in_takes_the_password_and_then_a_code(anonymous, alice, app):
    begun = begin_sign_in(anonymous, alice.email)

    assert begun["methods"] == ["totp", "recovery_code"]
    assert begun["expires_in"] == 300
    answer = finish(anonymous, begun["factor_token"], app[0].code(LATER))
    tokens = ok(answer)
    assert answer["Cache-Control"] == "no-store"
    assert tokens["user"]["id"] == str(alice.pk)
    assert ok(client_with(tokens["access_token"]).get("/api/auth/me/"))["second_factor"] is True
    alice.refresh_from_db()
    assert alice.last_login == LATER


def test_the_right_password_alone_opens_no_session(anonymous, alice, app):
    before = alice.sessions.count()

    begun = begin_sign_in(anonymous, alice.email)

    for token in (begun["factor_token"], "nonsense"):
        assert client_with(token).get("/api/auth/me/").status_code == 401
    assert alice.sessions.count() == before


def test_the_code_that_confirmed_the_app_is_used_up(anonymous, alice, clock):
    phone, _ = set_up_app(signed_in_client(alice), NOW)
    begun = begin_sign_in(anonymous, alice.email)

    answer = finish(anonymous, begun["factor_token"], phone.code(NOW))

    assert_problem(answer, status=422, code="wrong_factor", field="code")


def test_a_code_works_once_and_older_ones_not_after_it(anonymous, alice, app):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    code, older = (app[0].code(LATER - timedelta(seconds=age)) for age in (0, 30))
    ok(finish(anonymous, token, code))

    for used_up in (code, older):
        answer = finish(anonymous, token, used_up)
        assert_problem(answer, status=422, code="wrong_factor", field="code")


@pytest.mark.parametrize(
    ("seconds", "status"), [(-60, 422), (-30, 200), (0, 200), (30, 200), (60, 422)]
)
def test_clocks_may_differ_by_half_a_minute(anonymous, alice, app, seconds, status):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]

    code = app[0].code(LATER + timedelta(seconds=seconds))

    assert finish(anonymous, token, code).status_code == status


def test_a_code_is_read_with_blanks(anonymous, alice, app):
    token, code = begin_sign_in(anonymous, alice.email)["factor_token"], app[0].code(LATER)

    ok(finish(anonymous, token, f"{code[:3]} {code[3:]}"))


def test_each_recovery_code_works_once(anonymous, alice, app):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    for code in app[1][:2]:
        ok(finish(anonymous, token, code.upper()))
        answer = finish(anonymous, token, code)
        assert_problem(answer, status=422, code="wrong_factor", field="code")

    assert ok(signed_in_client(alice).get(FACTORS))["recovery_codes_left"] == 8


def test_the_codes_of_others_do_not_work(anonymous, alice, bob, app, clock):
    bobs_phone, bobs_codes = set_up_app(signed_in_client(bob), LATER)
    later = LATER + timedelta(minutes=2)
    clock.move_to(later)
    token = begin_sign_in(anonymous, alice.email)["factor_token"]

    for code in (bobs_phone.code(later), bobs_codes[0]):
        answer = finish(anonymous, token, code)
        assert_problem(answer, status=422, code="wrong_factor", field="code")


def test_new_recovery_codes_replace_the_old_ones(anonymous, alice, app):
    client = signed_in_client(alice)

    new = ok(client.post(f"{FACTORS}recovery-codes/"), 201)["recovery_codes"]

    assert not {*new} & {*app[1]}
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    assert finish(anonymous, token, app[1][0]).status_code == 422
    ok(finish(anonymous, token, new[0]))


def test_without_a_factor_there_are_no_recovery_codes(alice, clock):
    answer = signed_in_client(alice).post(f"{FACTORS}recovery-codes/")

    assert_problem(answer, status=409, code="no_second_factor")


def test_with_the_last_factor_the_codes_are_destroyed(anonymous, alice, app):
    client = signed_in_client(alice)

    assert client.delete(f"{FACTORS}totp/").status_code == 204

    assert not RecoveryCode.objects.exists()
    assert not AuthenticatorApp.objects.exists()
    assert ok(client.get(FACTORS))["second_factor"] is False
    tokens = ok(anonymous.post(LOGIN, {"email": alice.email, "password": PASSWORD}))
    assert "access_token" in tokens
    assert_problem(client.delete(f"{FACTORS}totp/"), status=404, code="not_found")


def test_a_factor_token_ends_after_five_minutes(anonymous, alice, app, clock):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    late = LATER + timedelta(minutes=5)
    clock.move_to(late)

    answer = finish(anonymous, token, app[0].code(late))

    assert_problem(answer, status=401, code="invalid_factor_token")


def test_a_factor_token_dies_with_the_password(anonymous, alice, app):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    alice.refresh_from_db()
    alice.set_password("a battery, a window")
    alice.save()

    answer = finish(anonymous, token, app[0].code(LATER))

    assert_problem(answer, status=401, code="invalid_factor_token")


@pytest.mark.parametrize("change", [{"is_active": False}, {"has_second_factor": False}])
def test_a_factor_token_dies_with_the_user_and_the_factors(anonymous, alice, app, change):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    type(alice).objects.update(**change)

    answer = finish(anonymous, token, app[0].code(LATER))

    assert_problem(answer, status=401, code="invalid_factor_token")


def test_a_forged_factor_token_is_refused(anonymous, alice, bob, app):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    claims, _, signature = token.rpartition(":")
    bobs = factor_tokens.issue(user=bob, now=LATER).rpartition(":")

    for forged in (f"{bobs[0]}:{signature}", f"{claims}:{bobs[2]}", claims, token[:-1], "é", ":"):
        answer = finish(anonymous, forged, app[0].code(LATER))
        assert_problem(answer, status=401, code="invalid_factor_token")


def test_wrong_codes_close_the_account_and_the_right_password_does_not_open_it(
    anonymous, alice, app
):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    for _ in range(10):
        # The password is right each time, and clears nothing.
        token = begin_sign_in(anonymous, alice.email)["factor_token"]
        answer = finish(anonymous, token, "000000")
        assert_problem(answer, status=422, code="wrong_factor", field="code")

    answer = finish(anonymous, token, app[0].code(LATER))
    assert_problem(answer, status=429, code="too_many_attempts")
    answer = anonymous.post(LOGIN, {"email": alice.email, "password": PASSWORD})
    assert_problem(answer, status=429, code="too_many_attempts")


def test_both_factors_right_clear_the_failures(anonymous, alice, app):
    token = begin_sign_in(anonymous, alice.email)["factor_token"]
    for _ in range(9):
        finish(anonymous, token, "000000")

    ok(finish(anonymous, token, app[0].code(LATER)))

    assert not LoginAttempt.objects.exists()


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("factor_token", {"code": "123456"}),
        ("factor_token", {"code": "123456", "factor_token": "x" * 401}),
        ("code", {"code": 123456, "factor_token": "x"}),
        ("code", {"code": "1" * 41, "factor_token": "x"}),
        ("passkey", {"passkey": "x", "factor_token": "x"}),
        ("code", {"factor_token": "x"}),
        ("code", {"code": "123456", "passkey": {}, "factor_token": "x"}),
    ],
)
def test_malformed_input_is_refused_by_field(anonymous, alice, field, body):
    assert_problem(anonymous.post(FACTOR, body), status=400, code="invalid", field=field)


def test_an_outdated_hash_is_renewed_before_the_second_factor(anonymous, alice, app, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]

    token = begin_sign_in(anonymous, alice.email)["factor_token"]

    alice.refresh_from_db()
    assert alice.password.startswith("pbkdf2_sha256")
    ok(finish(anonymous, token, app[0].code(LATER)))


def test_a_sign_in_overtaken_by_the_first_factor_opens_nothing(alice, clock, monkeypatch):
    real = sessions.open_unless_changed

    def set_up_meanwhile(**arguments):
        set_up_app(signed_in_client(alice), NOW)
        return real(**arguments)

    monkeypatch.setattr(sessions, "open_unless_changed", set_up_meanwhile)

    with pytest.raises(sessions.InvalidCredentials):
        sessions.log_in(
            email=alice.email, password=PASSWORD, user_agent="", ip_address=None, now=NOW
        )


@pytest.mark.django_db(transaction=True)
def test_of_parallel_uses_of_one_code_exactly_one_succeeds():
    alice = UserFactory.create(email="alice@example.com")
    secret = factors.begin_app(user=alice, now=NOW)
    phone_code = totp.code_at(secret, totp.step_at(NOW))
    session = signed_in(alice)
    grant = sessions.authenticate_access(session.access_token, datetime.now(UTC))
    assert grant.session_id is not None
    codes = factors.confirm_app(user=alice, session_id=grant.session_id, code=phone_code, now=NOW)
    later_code = totp.code_at(secret, totp.step_at(LATER))

    def use(code):
        try:
            factors.check(
                user=alice,
                proof=Proof(code=code),
                purpose=Purpose.SIGN_IN,
                ip_address=None,
                now=LATER,
            )
        except (WrongFactor, TooManyAttempts):
            return "refused"
        return "let in"

    for code in (later_code, codes[0]):
        LoginAttempt.objects.all().delete()
        outcomes = at_once([partial(use, code)] * 8)
        assert sorted(outcomes) == ["let in"] + ["refused"] * 7


@pytest.mark.django_db(transaction=True)
def test_of_parallel_set_ups_of_the_first_factor_one_set_of_codes_is_left():
    alice = UserFactory.create(email="alice@example.com")
    client = signed_in_client(alice)
    at = datetime.now(UTC)
    secret = ok(client.post(f"{FACTORS}totp/"), 201)["secret"]
    code = totp.code_at(secret, totp.step_at(at))
    clients = [signed_in_client(alice) for _ in range(6)]

    def confirm(client: APIClient):
        answer = client.post(f"{FACTORS}totp/confirm/", {"code": code})
        connection.close()
        return answer.status_code

    statuses = at_once([partial(confirm, client) for client in clients])

    assert sorted(statuses) == [200] + [409] * 5
    assert RecoveryCode.objects.count() == 10
