"""Access tokens: what they open, when they end, and which are refused."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.utils import timezone
from drf_spectacular.generators import EndpointEnumerator

from authentication import sessions, tokens
from authentication.recent_checks import recent_checks as noted
from authentication.tests.api_client import client_with, signed_in, signed_in_client
from authentication.tests.problems import assert_problem
from authentication.tokens import InvalidToken

URL = "/api/auth/me/"


def forged(token, *, key=settings.SECRET_KEY, algorithm="HS256", **changes):
    """The same claims with changes (None removes one), signed again."""
    claims = {**jwt.decode(token, options={"verify_signature": False}), **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


def test_an_access_token_opens_the_door(alice):
    assert signed_in_client(alice).get(URL).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(anonymous, alice, scheme):
    header = f"{scheme} {signed_in(alice).access_token}"

    assert anonymous.get(URL, HTTP_AUTHORIZATION=header).status_code == 200


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Token abc", "nonsense"])
@pytest.mark.django_db
def test_another_scheme_is_no_authentication(anonymous, header):
    response = anonymous.get(URL, HTTP_AUTHORIZATION=header)

    assert_problem(response, status=401, code="not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "token", ["", "nonsense", "a.b.c", "a b c", "é", "x" * 5000, "..", "W1tbW1tb" * 120 + "..x"]
)
@pytest.mark.django_db
def test_what_is_no_token_is_refused(anonymous, token):
    response = anonymous.get(URL, HTTP_AUTHORIZATION=f"Bearer {token}")

    assert_problem(response, status=401, code="invalid_token")
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_refresh_token_is_no_access_token(alice):
    response = client_with(signed_in(alice).refresh_token).get(URL)

    assert_problem(response, status=401, code="invalid_token")


def test_the_helper_that_forges_tokens_makes_good_ones_when_nothing_is_changed(alice):
    assert client_with(forged(signed_in(alice).access_token)).get(URL).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another key that is long enough for HS256, surely"},
        {"algorithm": "HS384"},
        {"iss": "somebody else"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"sid": None},
        {"sid": "nonsense"},
        {"sid": 7},
        {"sid": ["x"]},
        {"sid": "00000000-0000-0000-0000-000000000001"},
        {"user_id": None},
        {"user_id": "nonsense"},
        {"token_type": None},
        {"token_type": "refresh"},
    ],
    ids=str,
)
def test_a_token_that_is_not_wholly_ours_is_refused(alice, changes):
    token = forged(signed_in(alice).access_token, **changes)

    assert_problem(client_with(token).get(URL), status=401, code="invalid_token")


def test_a_token_without_signature_is_refused(alice):
    token = signed_in(alice).access_token
    claims = jwt.decode(token, options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none")

    assert_problem(client_with(unsigned).get(URL), status=401, code="invalid_token")


def test_a_header_of_nested_json_is_refused(monkeypatch):
    monkeypatch.setattr(tokens, "MAX_LENGTH", 100_000)
    nested = base64.urlsafe_b64encode(b"[" * 50_000).decode().rstrip("=")

    with pytest.raises(InvalidToken):
        tokens.read_access(f"{nested}.e30.e30", now=timezone.now())


def test_a_token_names_one_user_and_works_for_no_other(alice, bob):
    token = forged(signed_in(alice).access_token, user_id=str(bob.pk))

    assert_problem(client_with(token).get(URL), status=401, code="invalid_token")


def test_a_token_expires(alice):
    now = timezone.now()
    token = signed_in(alice).access_token
    grant = sessions.authenticate_access(token, now + timedelta(minutes=14))
    assert grant.user == alice
    assert grant.expires_at is not None
    assert abs(grant.expires_at - now - timedelta(minutes=15)) < timedelta(seconds=2)

    with pytest.raises(InvalidToken):
        sessions.authenticate_access(token, grant.expires_at)


def test_a_token_falls_with_its_user(alice):
    client = signed_in_client(alice)
    alice.is_active = False
    alice.save()

    assert_problem(client.get(URL), status=401, code="invalid_token")


def test_a_token_falls_with_its_session(alice):
    client = signed_in_client(alice)
    now = timezone.now()
    assert sessions.end_all(user=alice, now=now, reason=sessions.EndReason.DEACTIVATED) == 1

    assert_problem(client.get(URL), status=401, code="invalid_token")


def test_checking_a_token_takes_one_query(alice, django_assert_num_queries):
    token = signed_in(alice).access_token

    with django_assert_num_queries(1):
        sessions.authenticate_access(token, timezone.now())


def test_a_token_that_is_not_ours_takes_no_query(alice, django_assert_num_queries):
    token = forged(signed_in(alice).access_token, key="another key that is long enough, surely")

    with django_assert_num_queries(0), pytest.raises(InvalidToken):
        sessions.authenticate_access(token, timezone.now())


def test_tokens_tell_no_more_than_ids_and_times(alice):
    pair = signed_in(alice)
    for token in (pair.access_token, pair.refresh_token):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert set(claims) == {"token_type", "exp", "iat", "jti", "user_id", "sid", "iss"}
        assert "alice" not in json.dumps(claims)
        assert jwt.get_unverified_header(token)["alg"] == "HS256"


def test_a_reader_of_public_data_is_looked_up_once_a_second(alice, django_assert_num_queries):
    token, now = signed_in(alice).access_token, timezone.now()
    for queries in (1, 0, 0):
        with django_assert_num_queries(queries):
            assert sessions.authenticate_reader(token, now).user == alice
    reader = sessions.authenticate_reader(token, now).user
    assert (reader.is_authenticated, reader.email) == (True, alice.email)
    with django_assert_num_queries(1):
        sessions.authenticate_access(token, now)
    noted.forget(alice.pk)
    with django_assert_num_queries(1):
        sessions.authenticate_reader(token, now)


@pytest.mark.django_db(transaction=True)
def test_a_reader_of_public_data_falls_with_a_session_that_ends_here(alice):
    tokens_of_alice, now = signed_in(alice), timezone.now()
    token = tokens_of_alice.access_token
    assert sessions.authenticate_reader(token, now).session_id
    sessions.log_out(refresh_token=tokens_of_alice.refresh_token, now=now)
    with pytest.raises(InvalidToken):
        sessions.authenticate_reader(token, now)


def test_only_market_data_trusts_a_check_of_a_moment_ago():
    trusting = {
        callback.cls
        for _, _, _, callback in EndpointEnumerator().get_api_endpoints()
        if getattr(callback.cls, "is_same_for_everybody", False)
    }
    assert [view.__name__ for view in trusting] == ["MarketDataViewSet"]


def test_a_reader_is_refused_what_is_no_token_of_ours(alice):
    good = signed_in(alice).access_token
    sessions.authenticate_reader(good, timezone.now())
    for token in ("", "forged", forged(good, key="another key that is long enough, surely")):
        with pytest.raises(InvalidToken):
            sessions.authenticate_reader(token, timezone.now())
    with pytest.raises(InvalidToken):
        sessions.authenticate_reader(good, timezone.now() + timedelta(hours=1))
