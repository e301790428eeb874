"""Codes by the clock are those of RFC 6238, and recovery codes are read however they are typed."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication.rules import recovery_codes, totp

# RFC 6238, appendix B: the secret for SHA-1, and the last six of the eight digits listed there.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
times = st.integers(86_400, 7_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_are_those_of_the_rfc(seconds, code):
    at = datetime.fromtimestamp(seconds, UTC)

    assert totp.code_at(SECRET, totp.step_at(at)) == code
    assert totp.matching_step(SECRET, code, at) == seconds // 30


@given(st.binary(min_size=20, max_size=20), times, st.integers(-4, 4))
def test_a_code_counts_one_period_before_and_after_its_own(random, at, periods):
    secret = totp.secret_of(random)
    code = totp.code_at(secret, totp.step_at(at))
    neighbours = {totp.code_at(secret, totp.step_at(at) + off) for off in range(-5, 6)} - {code}

    found = totp.matching_step(secret, code, at + timedelta(seconds=30 * periods))

    if abs(periods) <= 1:
        assert found is not None
    elif len(neighbours) == 10:  # no other period has the same code by chance
        assert found is None


@pytest.mark.parametrize("code", ["", "28708", "2870822", "28708२", "abcdef", "😀" * 6])
def test_what_is_no_code_matches_nothing(code):
    assert totp.matching_step(SECRET, code, datetime.fromtimestamp(59, UTC)) is None


def test_the_address_for_apps_names_the_account_and_the_issuer():
    uri = totp.uri(SECRET, account="alice@example.com", issuer="BrokerPro")

    assert uri == (
        "otpauth://totp/BrokerPro:alice%40example.com"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=BrokerPro"
    )


@given(st.binary(min_size=10, max_size=10))
def test_a_recovery_code_is_read_however_it_is_typed(random):
    code = recovery_codes.code_of(random)
    letters = code.replace("-", "")

    for typed in (code, code.upper(), f" {letters} ", code.replace("-", " ")):
        assert recovery_codes.parse(typed) == letters


@pytest.mark.parametrize("text", ["", "k7pd-ma2f-xq5w", "k7pd-ma2f-xq5w-h3z1", "k7pdma2fxq5wh3zé"])
def test_what_is_no_recovery_code_is_not_read(text):
    assert recovery_codes.parse(text) is None


def test_the_same_code_of_two_users_has_two_digests():
    digests = {recovery_codes.digest("a" * 16, user_id=UUID(int=n)) for n in (1, 2)}

    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)
