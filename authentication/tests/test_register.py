"""Registering: who may, and with which email and password."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher
from django.db import connection
from django.utils import timezone

from authentication import registration
from authentication.models import Session, User
from authentication.tests.api_client import client_with, escaped
from authentication.tests.problems import assert_problem

URL = "/api/auth/register/"
BODY = {
    "email": "alice@example.com",
    "password": "a horse, a staple",
    "first_name": "Alice",
    "last_name": "Archer",
}


@pytest.mark.django_db
def test_registering_answers_with_the_user_and_tokens_that_work(anonymous):
    response = anonymous.post(URL, BODY)

    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    user = User.objects.get()
    assert answer["user"] == {
        "id": str(user.pk),
        "email": "alice@example.com",
        "email_verified": False,
        "first_name": "Alice",
        "last_name": "Archer",
        "frozen": False,
        "second_factor": False,
    }
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 900
    assert response["Cache-Control"] == "no-store"
    me = client_with(answer["access_token"]).get("/api/auth/me/")
    assert me.json() == answer["user"]


@pytest.mark.django_db
def test_names_may_be_left_out(anonymous):
    response = anonymous.post(URL, {"email": "a@example.com", "password": BODY["password"]})

    assert response.status_code == 201
    assert response.json()["user"]["first_name"] == ""
    assert response.json()["user"]["last_name"] == ""


@pytest.mark.django_db
def test_the_email_is_kept_in_lower_case(anonymous):
    response = anonymous.post(URL, {**BODY, "email": " Alice@Example.COM "})

    assert response.json()["user"]["email"] == "alice@example.com"


@pytest.mark.django_db
def test_the_password_is_kept_as_an_argon2_hash(anonymous, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

    anonymous.post(URL, BODY)

    encoded = User.objects.get().password
    assert identify_hasher(encoded).algorithm == "argon2"
    assert check_password(BODY["password"], encoded)


@pytest.mark.parametrize("taken", ["alice@example.com", "ALICE@example.com", " alice@Example.com"])
def test_a_taken_email_is_refused_without_saying_so(anonymous, alice, taken):
    response = anonymous.post(URL, {**BODY, "email": taken})

    assert_problem(response, status=422, code="registration_refused")
    assert "taken" not in response.content.decode()
    assert "exists" not in response.content.decode()
    assert User.objects.get().password == alice.password
    assert not Session.objects.exists()


@pytest.mark.django_db
def test_a_taken_email_costs_the_same_hash_as_a_free_one(anonymous, alice, hash_count):
    anonymous.post(URL, {**BODY, "email": "free@example.com"})
    assert len(hash_count) == 1

    anonymous.post(URL, {**BODY, "email": alice.email})
    assert len(hash_count) == 2


@pytest.mark.parametrize("password", ["short", "password123", "829310475621", "alice@example.com"])
@pytest.mark.django_db
def test_a_password_that_breaks_the_rules_is_refused_and_makes_nobody(anonymous, password):
    response = anonymous.post(URL, {**BODY, "password": password})

    assert_problem(response, status=400, code="unacceptable_password", field="password")
    assert not User.objects.exists()


def test_a_bad_password_is_refused_alike_for_free_and_taken_emails(anonymous, alice):
    free, taken = (
        anonymous.post(URL, {"email": email, "password": "short"}).json()
        for email in ("free@example.com", alice.email)
    )
    free.pop("request_id")
    taken.pop("request_id")
    assert free == taken


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "not an address"),
        ("email", 7),
        ("email", None),
        ("email", ["a@example.com"]),
        ("email", "a" * 250 + "@example.com"),
        ("email", "a\x00@example.com"),
        ("password", ""),
        ("password", 1234567890123),
        ("password", "a horse\x00 a staple"),
        ("password", "a horse \ud800 a staple"),
        ("password", "x" * 129),
        ("first_name", 7),
        ("first_name", 1.5),
        ("first_name", True),
        ("first_name", {"a": 1}),
        ("first_name", "A\x00"),
        ("first_name", "A" * 151),
        ("last_name", ["Archer"]),
        ("last_name", "\ud800"),
    ],
)
@pytest.mark.django_db
def test_malformed_input_is_refused_by_field(anonymous, field, value):
    response = anonymous.post(URL, **escaped({**BODY, field: value}))

    assert_problem(response, status=400, code="invalid", field=field)
    assert not User.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "{", "", "[" * 5000, "7"])
@pytest.mark.django_db
def test_a_body_that_is_no_json_object_is_refused(anonymous, body):
    response = anonymous.post(URL, body, content_type="application/json")

    assert response.status_code == 400
    assert response["Content-Type"].startswith("application/problem+json")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_fields_that_nobody_asked_for_are_refused(anonymous):
    answer = anonymous.post(
        URL,
        {
            **BODY,
            "id": "00000000-0000-0000-0000-000000000001",
            "is_staff": True,
            "is_superuser": True,
            "is_active": False,
            "now": "2020-01-01T00:00:00Z",
            "ip_address": "192.0.2.1",
        },
    )

    assert answer.status_code == 400
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"id", "is_staff", "is_superuser", "is_active", "now", "ip_address"}
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_bad_authorization_header_is_ignored(anonymous):
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer nonsense")

    assert anonymous.post(URL, BODY).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_racing_registrations_for_one_email_one_wins():
    start = Barrier(8)

    def register(number):
        start.wait()
        try:
            registration.register(
                email="Alice@example.com",
                password=BODY["password"],
                first_name=str(number),
                last_name="",
                now=timezone.now(),
            )
        except registration.RegistrationRefused:
            return "refused"
        finally:
            connection.close()
        return "registered"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(register, range(8)))

    assert sorted(outcomes) == ["refused"] * 7 + ["registered"]
    assert User.objects.count() == 1
