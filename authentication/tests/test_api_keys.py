"""API keys: making, using and ending them."""

import hashlib
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from authentication import access, api_keys, sessions
from authentication.last_uses import EVERY, LastUses, last_uses
from authentication.models import ApiKey
from authentication.recent_checks import recent_checks as noted
from authentication.rules import api_key
from authentication.rules.scopes import Scope
from authentication.tests.api_client import client_with, signed_in, signed_in_client
from authentication.tests.factories import PASSWORD
from authentication.tests.problems import assert_problem
from authentication.tokens import InvalidToken

URL = "/api/auth/api-keys/"
ME = "/api/auth/me/"


def made(user, *scopes, addresses=(), expires_at=None, now=None):
    """`<key_id>.<secret>` of a new key; it may read unless scopes are named."""
    new = api_keys.make(
        user=user,
        name="bot",
        scopes=scopes or [Scope.READ],
        addresses=addresses,
        expires_at=expires_at,
        now=now or timezone.now(),
    )
    return f"{new.key.key_id}.{new.secret}"


# Making -----------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_opens_the_door(alice):
    client = signed_in_client(alice)

    answer = client.post(URL, {"name": "Momentum bot", "scopes": ["trade", "read"]})

    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    new = answer.json()
    assert (new["name"], new["scopes"], new["addresses"]) == ("Momentum bot", ["read", "trade"], [])
    assert (new["expires_at"], new["last_used_at"]) == (None, None)
    assert client_with(f"{new['key_id']}.{new['secret']}").get(ME).json()["id"] == str(alice.pk)
    secret = new.pop("secret")
    (listed,) = client.get(URL).json()["results"]
    assert listed == new
    assert secret not in str(ApiKey.objects.values())
    assert ApiKey.objects.get().secret_hash == hashlib.sha256(secret.encode()).hexdigest()


def test_what_is_stored_opens_nothing(alice):
    made(alice)
    key = ApiKey.objects.get()

    for secret in (key.secret_hash, key.secret_hash[:43], "", key.key_id):
        answer = client_with(f"{key.key_id}.{secret}").get(ME)
        assert_problem(answer, status=401, code="invalid_token")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"scopes": ["read"]}, "name", "invalid"),
        ({"name": "", "scopes": ["read"]}, "name", "invalid"),
        ({"name": "x" * 101, "scopes": ["read"]}, "name", "invalid"),
        ({"name": 7, "scopes": ["read"]}, "name", "invalid"),
        ({"name": "bot"}, "scopes", "invalid"),
        ({"name": "bot", "scopes": []}, "scopes", "invalid"),
        ({"name": "bot", "scopes": "read"}, "scopes", "invalid"),
        ({"name": "bot", "scopes": ["admin"]}, "scopes.0", "invalid"),
        ({"name": "bot", "scopes": ["READ"]}, "scopes.0", "invalid"),
        ({"name": "bot", "scopes": ["read"] * 4}, "scopes", "invalid"),
        ({"name": "bot", "scopes": ["read"], "addresses": ["nonsense"]}, "addresses", "invalid"),
        (
            {"name": "bot", "scopes": ["read"], "addresses": ["192.0.2.0/99"]},
            "addresses",
            "invalid",
        ),
        (
            {"name": "bot", "scopes": ["read"], "addresses": ["192.0.2.1"] * 21},
            "addresses",
            "invalid",
        ),
        ({"name": "bot", "scopes": ["read"], "addresses": [7]}, "addresses", "invalid"),
        (
            {"name": "bot", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
            "expires_at",
            "invalid",
        ),
        ({"name": "bot", "scopes": ["read"], "expires_at": "tomorrow"}, "expires_at", "invalid"),
        ({"name": "bot", "scopes": ["read"], "user": "x"}, "user", "invalid"),
        ({"name": "bot", "scopes": ["read"], "secret": "mine"}, "secret", "invalid"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_is_not_made(alice, body, field, code):
    answer = signed_in_client(alice).post(URL, body)

    assert_problem(answer, status=400, code=code, field=field)
    assert not ApiKey.objects.exists()


def test_networks_are_stored_without_the_bits_of_a_host(alice):
    body = {"name": "bot", "scopes": ["read"], "addresses": ["10.1.2.3/8", "2001:DB8::1"]}

    answer = signed_in_client(alice).post(URL, body)

    assert answer.json()["addresses"] == ["10.0.0.0/8", "2001:db8::1/128"]


def test_there_is_a_limit_to_keys_and_revoking_makes_room(alice):
    for _ in range(api_keys.MAX_KEYS):
        made(alice)
    client = signed_in_client(alice)
    body = {"name": "one more", "scopes": ["read"]}

    assert_problem(client.post(URL, body), status=409, code="too_many_api_keys")
    assert ApiKey.objects.count() == api_keys.MAX_KEYS

    assert client.delete(f"{URL}{alice.api_keys.earliest('pk').pk}/").status_code == 204
    assert client.post(URL, body).status_code == 201


def test_a_key_is_renamed_and_nothing_else_of_it_changes(alice):
    made(alice)
    key = ApiKey.objects.get()
    client = signed_in_client(alice)

    assert client.patch(f"{URL}{key.pk}/", {"name": "New"}).json()["name"] == "New"
    for field, value in {"scopes": ["trade"], "addresses": [], "expires_at": None}.items():
        answer = client.patch(f"{URL}{key.pk}/", {"name": "Newer", field: value})
        assert_problem(answer, status=400, code="invalid", field=field)
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("New", "read")


def test_anothers_key_is_like_a_missing_one_and_goes_on(alice, bob):
    bobs = made(bob)
    client = signed_in_client(alice)

    for call in (client.delete, lambda url: client.patch(url, {"name": "mine"})):
        foreign = call(f"{URL}{ApiKey.objects.get().pk}/")
        missing = call(f"{URL}{uuid.uuid4()}/")
        assert_problem(foreign, status=404, code="not_found")
        assert {**foreign.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    assert client.get(URL).json()["results"] == []
    assert client_with(bobs).get(ME).status_code == 200
    assert ApiKey.objects.get().name == "bot"


# Using ------------------------------------------------------------------------------------------


def test_checking_a_key_takes_one_query_as_a_token_does(alice, django_assert_num_queries):
    credential = made(alice)

    with django_assert_num_queries(1):
        grant = access.authenticate(credential, address="", now=timezone.now())
    assert (grant.user, grant.session_id, grant.scopes) == (alice, None, {Scope.READ})
    assert grant.api_key_id == ApiKey.objects.get().pk


@pytest.mark.parametrize(
    "credential",
    ["BK", "BK.", f"BK{'A' * 16}.", f"BK{'A' * 16}.{'a' * 44}", "BK\x00.é", "BK" * 3000],
)
@pytest.mark.django_db
def test_what_is_no_key_takes_no_query(django_assert_num_queries, credential):
    with django_assert_num_queries(0), pytest.raises(InvalidToken):
        access.authenticate(credential, address="", now=timezone.now())


def test_all_that_is_wrong_with_a_key_looks_the_same(alice, bob):
    now = timezone.now()
    good, other = made(alice), made(bob)
    revoked, expired = made(alice), made(alice, expires_at=now + timedelta(hours=1))
    elsewhere = made(alice, addresses=["192.0.2.0/24"])
    _revoke(alice, revoked)
    ApiKey.objects.filter(expires_at__isnull=False).update(expires_at=now)
    wrong = [
        f"{good.partition('.')[0]}.{other.partition('.')[2]}",
        ".".join(api_key.new_pair()),
        revoked,
        expired,
        elsewhere,
    ]
    answers = [client_with(credential).get(ME) for credential in wrong]

    for answer in answers:
        assert_problem(answer, status=401, code="invalid_token")
        assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert client_with(good).get(ME).status_code == 200


def _revoke(user, credential):
    key = ApiKey.objects.get(key_id=credential.partition(".")[0])
    api_keys.revoke(user=user, id=key.pk, now=timezone.now())


def test_a_key_with_an_end_ends(alice):
    now = timezone.now()
    credential = made(alice, expires_at=now + timedelta(hours=1))

    grant = access.authenticate(credential, address="", now=now + timedelta(minutes=59))
    assert grant.expires_at == now + timedelta(hours=1)
    for check in (access.authenticate, access.authenticate_reader):
        with pytest.raises(InvalidToken):
            check(credential, address="", now=now + timedelta(hours=1))


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("192.0.3.7", False),
        ("2001:db8::1", True),
        ("2001:db8::2", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_key_is_good_from_its_addresses_only(alice, address, opens):
    client = client_with(made(alice, addresses=["192.0.2.0/24", "2001:db8::1"]))

    assert client.get(ME, REMOTE_ADDR=address).status_code == (200 if opens else 401)


def test_what_a_client_writes_about_its_address_does_not_count(alice):
    credential = made(alice, addresses=["192.0.2.0/24"])
    client = APIClient()
    client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {credential}",
        HTTP_X_FORWARDED_FOR="192.0.2.7",
        HTTP_X_REAL_IP="192.0.2.7",
    )

    assert client.get(ME, REMOTE_ADDR="198.51.100.1").status_code == 401


def test_a_check_of_a_moment_ago_is_of_this_secret_and_address(alice, django_assert_num_queries):
    credential, now = made(alice, addresses=["192.0.2.0/24"]), timezone.now()
    key_id = credential.partition(".")[0]
    for queries in (1, 0, 0):
        with django_assert_num_queries(queries):
            grant = access.authenticate_reader(credential, address="192.0.2.7", now=now)
            assert (grant.user.pk, grant.scopes) == (alice.pk, {Scope.READ})
    for other, address in (
        (credential, "198.51.100.1"),
        (f"{key_id}.{api_key.new_pair().secret}", "192.0.2.7"),
    ):
        assert not access.may_read_just_now(other, address=address, now=now)
        with pytest.raises(InvalidToken):
            access.authenticate_reader(other, address=address, now=now)


def test_a_key_that_may_not_read_is_no_reader(alice):
    credential, now = made(alice, Scope.TRADE), timezone.now()

    access.authenticate(credential, address="", now=now)

    assert not access.may_read_just_now(credential, address="", now=now)


# Ending -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_revoked_key_ends_at_once(alice):
    credential, now = made(alice), timezone.now()
    assert access.authenticate_reader(credential, address="", now=now).user == alice
    key = ApiKey.objects.get()

    assert signed_in_client(alice).delete(f"{URL}{key.pk}/").status_code == 204

    for check in (access.authenticate, access.authenticate_reader):
        with pytest.raises(InvalidToken):
            check(credential, address="", now=now)
    assert not access.may_read_just_now(credential, address="", now=now)
    key.refresh_from_db()
    assert (key.revoked_at is not None, key.revoke_reason) == (True, "revoked_by_user")
    answer = signed_in_client(alice).delete(f"{URL}{key.pk}/")
    assert_problem(answer, status=404, code="not_found")


def test_a_key_survives_a_new_password_and_signing_out(alice):
    client = client_with(made(alice))
    tokens = signed_in(alice)
    body = {"current_password": PASSWORD, "new_password": "a battery, a window"}

    assert client_with(tokens.access_token).post("/api/auth/password/", body).status_code == 204
    assert client_with(tokens.access_token).get(ME).status_code == 401
    assert client.get(ME).status_code == 200


def test_a_key_falls_with_its_user(alice):
    client = client_with(made(alice))
    alice.is_active = False
    alice.save()

    assert_problem(client.get(ME), status=401, code="invalid_token")


def test_all_keys_of_a_user_end_together_and_nobody_elses(alice, bob):
    mine, bobs = [made(alice), made(alice)], made(bob)
    now = timezone.now()

    count = api_keys.revoke_all(user=alice, now=now, reason=api_keys.RevokeReason.BY_ADMIN)

    assert count == 2
    assert [client_with(key).get(ME).status_code for key in (*mine, bobs)] == [401, 401, 200]


# Last use ---------------------------------------------------------------------------------------


def test_the_last_use_is_noted_once_a_minute_and_written_behind_requests(
    alice, django_assert_num_queries
):
    credential, now = made(alice), timezone.now()
    key = ApiKey.objects.get()
    last_uses.write()

    access.authenticate(credential, address="", now=now)
    assert last_uses.are_waiting()
    last_uses.write()
    key.refresh_from_db()
    assert key.last_used_at == now

    access.authenticate(credential, address="", now=now + EVERY / 2)
    assert not last_uses.are_waiting()
    with django_assert_num_queries(0):
        last_uses.write()
    access.authenticate(credential, address="", now=now + EVERY)
    last_uses.write()
    key.refresh_from_db()
    assert key.last_used_at == now + EVERY


def test_of_servers_that_note_the_same_minute_one_writes(alice):
    made(alice)
    key, now = ApiKey.objects.get(), timezone.now()
    here, there = LastUses(), LastUses()
    here.note(key.pk, now, last=None)
    there.note(key.pk, now + EVERY / 2, last=None)

    here.write()
    there.write()

    key.refresh_from_db()
    assert key.last_used_at == now


def test_a_wrong_key_is_no_use_of_it(alice):
    key_id = made(alice).partition(".")[0]
    last_uses.write()

    wrong = f"{key_id}.{api_key.new_pair().secret}"

    with pytest.raises(InvalidToken):
        access.authenticate(wrong, address="", now=timezone.now())
    assert not last_uses.are_waiting()


def test_a_token_and_a_key_never_look_alike(alice):
    assert not signed_in(alice).access_token.startswith(api_key.PREFIX)
    for _ in range(100):
        pair = api_key.new_pair()
        found = api_key.parse(".".join(pair))
        assert found == (pair.key_id, api_key.hashed(pair.secret))


@pytest.mark.django_db(transaction=True)
def test_everything_that_is_noted_of_a_user_is_forgotten_together(alice):
    credential, token, now = made(alice), signed_in(alice).access_token, timezone.now()
    access.authenticate(credential, address="", now=now)
    sessions.authenticate_access(token, now)

    noted.forget(alice.pk)

    assert not access.may_read_just_now(credential, address="", now=now)
    assert not access.may_read_just_now(token, address="", now=now)
