"""Answers take the same time whether or not somebody has the e-mail.

Medians of interleaved calls, with the hash of production: who skips a hash, or waits for a mail
server, is ten times as fast or as slow each time. A busy machine may spoil a round, so there are
three: time that tells something would tell it in all of them.
"""

from statistics import median
from time import perf_counter

import pytest

from authentication.tests.factories import UserFactory

PAIRS = 10
ROUNDS = 3
FACTOR = 2.0
WITH_PASSWORD = {"password": "a guess, and a wrong one"}
CALLS = {
    "/api/auth/register/": (WITH_PASSWORD, 202),
    "/api/auth/login/": (WITH_PASSWORD, 401),
    "/api/auth/password/reset/": ({}, 202),
    "/api/auth/email/resend/": ({}, 202),
}


@pytest.mark.parametrize("url", CALLS)
@pytest.mark.parametrize("verified", [True, False])
def test_the_time_does_not_tell_who_exists(anonymous, settings, db, url, verified):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    settings.REQUIRE_VERIFIED_EMAIL = True
    body, status = CALLS[url]
    unverified = {} if verified else {"email_verified_at": None}

    def seconds(email):
        began = perf_counter()
        answer = anonymous.post(url, {"email": email, **body})
        assert answer.status_code == status
        return perf_counter() - began

    def ratio():
        times: dict[bool, list[float]] = {True: [], False: []}
        for number, user in enumerate(UserFactory.create_batch(PAIRS, **unverified)):
            for known in (True, False) if number % 2 else (False, True):
                times[known].append(seconds(user.email if known else f"nobody.{user.email}"))
        return median(times[True]) / median(times[False])

    seconds("nobody@example.com")  # what is imported and prepared at first
    rounds = (ratio() for _ in range(ROUNDS))
    assert any(1 / FACTOR < each < FACTOR for each in rounds)
