"""Registrations and requests for mail are counted, by account and by address."""

from datetime import timedelta

import pytest
from django.utils import timezone

from authentication.models import LoginAttempt, OutgoingMail
from authentication.tests.factories import PASSWORD
from authentication.tests.problems import assert_problem

REGISTER = "/api/auth/register/"
CALLS = {
    REGISTER: {"password": PASSWORD},
    "/api/auth/password/reset/": {},
    "/api/auth/email/resend/": {},
}


def assert_refused(answer):
    assert_problem(answer, status=429, code="too_many_attempts")
    assert 0 < int(answer["Retry-After"]) <= 3600


@pytest.fixture(autouse=True)
def _verified_only(settings, db):
    settings.REQUIRE_VERIFIED_EMAIL = True


@pytest.mark.parametrize("url", CALLS)
@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_five_an_hour_for_one_account_from_wherever(anonymous, alice, url, email):
    body = {"email": email, **CALLS[url]}
    for number in range(5):
        answer = anonymous.post(url, body, REMOTE_ADDR=f"192.0.2.{number}")
        assert answer.status_code == 202
    mails = OutgoingMail.objects.count()

    assert_refused(anonymous.post(url, body, REMOTE_ADDR="192.0.2.9"))
    assert OutgoingMail.objects.count() == mails

    hour_ago = timezone.now() - timedelta(hours=1)
    LoginAttempt.objects.update(failed_at=hour_ago)
    assert anonymous.post(url, body).status_code == 202
    assert LoginAttempt.objects.count() == 1  # what no longer counts is gone


@pytest.mark.parametrize("url", CALLS)
def test_so_many_an_hour_from_one_address_for_whichever_account(anonymous, settings, url):
    settings.SIGN_UPS_PER_ADDRESS = 3
    for number in range(3):
        body = {"email": f"trader{number}@example.com", **CALLS[url]}
        assert anonymous.post(url, body).status_code == 202

    body = {"email": "trader9@example.com", **CALLS[url]}
    assert_refused(anonymous.post(url, body))
    assert_refused(anonymous.post(url, body, HTTP_X_FORWARDED_FOR="198.51.100.7"))
    assert anonymous.post(url, body, REMOTE_ADDR="192.0.2.7").status_code == 202


def test_a_refused_registration_costs_no_hash(anonymous, settings, hash_count):
    settings.SIGN_UPS_PER_ADDRESS = 1
    for number in range(3):
        anonymous.post(REGISTER, {"email": f"trader{number}@example.com", "password": PASSWORD})
    assert len(hash_count) == 1


def test_registrations_close_no_sign_in(anonymous, alice):
    for _ in range(6):
        anonymous.post(REGISTER, {"email": alice.email, "password": "a guess, a guess"})
    body = {"email": alice.email, "password": PASSWORD}
    assert anonymous.post("/api/auth/login/", body).status_code == 200
