"""Signing in: tokens for the right password, lockout after wrong ones."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection

from authentication import passwords, sessions
from authentication.attempts import TooManyAttempts
from authentication.models import LoginAttempt, Session
from authentication.sessions import InvalidCredentials
from authentication.tests.api_client import client_with
from authentication.tests.factories import PASSWORD, UserFactory
from authentication.tests.problems import assert_problem

URL = "/api/auth/login/"
NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def log_in(*, email="alice@example.com", password=PASSWORD, ip_address="192.0.2.1", now=NOW):
    return sessions.log_in(
        email=email, password=password, user_agent="", ip_address=ip_address, now=now
    )


def fail(times, *, ip_address="192.0.2.1", now=NOW, email="alice@example.com"):
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            log_in(email=email, password="wrong", ip_address=ip_address, now=now)


def test_signing_in_answers_with_the_user_and_tokens_that_work(anonymous, alice):
    response = anonymous.post(URL, {"email": "Alice@Example.com", "password": PASSWORD})

    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert answer["user"]["id"] == str(alice.pk)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    assert response["Cache-Control"] == "no-store"
    assert client_with(answer["access_token"]).get("/api/auth/me/").status_code == 200


def test_a_session_remembers_the_device_and_the_address_of_the_connection(anonymous, alice):
    anonymous.post(
        URL,
        {"email": alice.email, "password": PASSWORD},
        HTTP_USER_AGENT="Browser\x00" + "x" * 300,
        REMOTE_ADDR="192.0.2.7",
        HTTP_X_FORWARDED_FOR="198.51.100.1",
    )

    session = alice.sessions.get()
    assert session.ip_address == "192.0.2.7"
    assert session.user_agent == "Browser" + "x" * 248


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("a socket", None),
    ],
)
def test_any_form_of_address_will_do(anonymous, alice, address, kept):
    body = {"email": alice.email, "password": PASSWORD}

    assert anonymous.post(URL, body, REMOTE_ADDR=address).status_code == 200
    assert alice.sessions.get().ip_address == kept


def test_wrong_password_unknown_email_and_inactive_user_get_one_answer(anonymous, alice):
    inactive = UserFactory.create(is_active=False)
    documents = []
    for email, password in [
        (alice.email, "wrong"),
        ("nobody@example.com", PASSWORD),
        (inactive.email, PASSWORD),
    ]:
        response = anonymous.post(URL, {"email": email, "password": password})
        assert_problem(response, status=401, code="invalid_credentials")
        assert response["WWW-Authenticate"] == "Bearer"
        documents.append({**response.json(), "request_id": ""})

    assert documents[0] == documents[1] == documents[2]
    assert not Session.objects.exists()


@pytest.mark.parametrize("who", ["known", "unknown", "inactive", "without a password"])
def test_every_failed_login_costs_one_hash_and_the_same_queries(
    alice, hash_count, django_assert_num_queries, who
):
    UserFactory.create(email="inactive@example.com", is_active=False)
    UserFactory.create(email="social@example.com", password=None)
    email = {
        "known": alice.email,
        "unknown": "nobody@example.com",
        "inactive": "inactive@example.com",
        "without a password": "social@example.com",
    }[who]
    hash_count.clear()

    # count; user; audit event, its waiting; savepoint, count one, forget, release; count again
    with django_assert_num_queries(10):
        fail(1, email=email)

    assert len(hash_count) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", 7),
        ("email", "no address"),
        ("email", "a" * 250 + "@example.com"),
        ("password", 7),
        ("password", "x" * 129),
        ("password", "\x00"),
        ("password", None),
    ],
)
def test_malformed_input_is_refused_by_field(anonymous, alice, field, value):
    body = {"email": alice.email, "password": PASSWORD, field: value}

    assert_problem(anonymous.post(URL, body), status=400, code="invalid", field=field)
    assert not Session.objects.exists()


def test_blanks_are_part_of_a_password(anonymous, alice):
    response = anonymous.post(URL, {"email": alice.email, "password": f" {PASSWORD} "})

    assert_problem(response, status=401, code="invalid_credentials")


def test_a_bad_authorization_header_is_ignored(anonymous, alice):
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    response = anonymous.post(URL, {"email": alice.email, "password": PASSWORD})

    assert response.status_code == 200


def test_an_outdated_hash_is_renewed_by_the_right_password_only(alice, settings):
    alice.password = make_password(PASSWORD)
    alice.save()
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    fail(1)
    alice.refresh_from_db()
    assert alice.password.startswith("md5")

    log_in()

    alice.refresh_from_db()
    assert alice.password.startswith("pbkdf2_sha256")
    assert alice.last_login == NOW
    log_in()


def test_a_login_overtaken_by_a_password_change_opens_nothing(alice, monkeypatch):
    verify = passwords.verify

    def change_meanwhile(password, encoded):
        verdict = verify(password, encoded)
        sessions._replace_password(user=alice, new_hash=make_password("another one"), now=NOW)
        return verdict

    monkeypatch.setattr(passwords, "verify", change_meanwhile)

    with pytest.raises(InvalidCredentials):
        log_in()
    assert not Session.objects.exists()


def test_the_eleventh_wrong_password_from_an_address_must_wait(anonymous, alice):
    body = {"email": alice.email, "password": "wrong"}
    for _ in range(10):
        assert_problem(anonymous.post(URL, body), status=401, code="invalid_credentials")

    refused = anonymous.post(URL, body)

    assert_problem(refused, status=429, code="too_many_attempts")
    assert 0 < int(refused["Retry-After"]) <= 15 * 60 + 1


def test_forwarded_for_makes_no_new_address(anonymous, alice):
    body = {"email": alice.email, "password": "wrong"}
    statuses = [
        anonymous.post(URL, body, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code
        for n in range(20)
    ]

    assert statuses == [401] * 10 + [429] * 10


def test_while_closed_the_right_password_tells_nothing_either(alice):
    fail(10)

    with pytest.raises(TooManyAttempts):
        log_in()
    assert not Session.objects.exists()


def test_an_unknown_email_is_closed_like_a_known_one(alice):
    fail(10, email="nobody@example.com")

    with pytest.raises(TooManyAttempts):
        log_in(email="nobody@example.com")


def test_the_owner_elsewhere_is_not_locked_out(alice):
    fail(10, ip_address="192.0.2.66")

    assert log_in(ip_address="192.0.2.1").user == alice


def test_the_twentieth_wrong_password_from_anywhere_must_wait(alice):
    for host in range(19):
        fail(1, ip_address=f"192.0.2.{host}")

    with pytest.raises(TooManyAttempts):
        log_in(password="wrong", ip_address="198.51.100.1")


def test_other_accounts_stay_open(alice, bob):
    fail(10)

    assert log_in(email=bob.email).user == bob


def test_the_account_opens_again_when_the_oldest_counted_failure_is_past(alice):
    fail(1, now=NOW)
    fail(9, now=NOW + timedelta(minutes=5))

    with pytest.raises(TooManyAttempts) as refused:
        log_in(now=NOW + timedelta(minutes=10))
    assert refused.value.wait == 5 * 60

    assert log_in(now=NOW + timedelta(minutes=15)).user == alice


def test_refused_tries_do_not_prolong_the_wait(alice):
    fail(10)
    with pytest.raises(TooManyAttempts):
        log_in(now=NOW + timedelta(minutes=14))

    assert log_in(now=NOW + timedelta(minutes=15)).user == alice


def test_the_right_password_clears_the_failures_of_its_address_only(alice):
    fail(9, ip_address="192.0.2.1")
    fail(9, ip_address="192.0.2.66")

    log_in(ip_address="192.0.2.1")

    fail(10, ip_address="192.0.2.1")
    assert LoginAttempt.objects.filter(ip_address="192.0.2.66").count() == 9


def test_old_failures_are_forgotten_and_no_email_is_kept(alice):
    fail(3)
    fail(1, email="my password", now=NOW + timedelta(minutes=15))

    attempt = LoginAttempt.objects.get()
    assert "password" not in attempt.account


@pytest.mark.django_db(transaction=True)
def test_of_parallel_guesses_no_more_than_the_limit_learn_anything():
    UserFactory.create(email="alice@example.com")
    start = Barrier(16)

    def guess(_):
        start.wait()
        try:
            log_in(password="wrong")
        except InvalidCredentials:
            return "told"
        except TooManyAttempts:
            return "not told"
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(guess, range(16)))

    assert outcomes.count("told") <= 10
    assert outcomes.count("told") + outcomes.count("not told") == 16


def test_a_right_guess_that_lands_after_the_limit_is_not_told(alice, monkeypatch):
    verify = passwords.verify

    def overtaken(password, encoded):
        monkeypatch.setattr(passwords, "verify", verify)
        fail(10)
        return verify(password, encoded)

    monkeypatch.setattr(passwords, "verify", overtaken)

    with pytest.raises(TooManyAttempts):
        log_in()
    assert not Session.objects.exists()
