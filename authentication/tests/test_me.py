"""The signed-in user, as shown and as changed."""

import pytest

from authentication.tests.api_client import escaped, signed_in_client
from authentication.tests.problems import assert_problem

URL = "/api/auth/me/"


def test_me_is_the_signed_in_user(alice, bob):
    response = signed_in_client(alice).get(URL)

    assert response.status_code == 200
    assert response.json() == {
        "id": str(alice.pk),
        "email": "alice@example.com",
        "email_verified": True,
        "first_name": "Alice",
        "last_name": "Archer",
        "frozen": False,
        "second_factor": False,
    }


def test_names_change_one_by_one(alice):
    client = signed_in_client(alice)

    response = client.patch(URL, {"last_name": " Baker "})

    assert response.status_code == 200
    assert response.json()["last_name"] == "Baker"
    assert client.get(URL).json()["first_name"] == "Alice"
    assert client.patch(URL, {"first_name": ""}).json()["first_name"] == ""
    assert client.get(URL).json()["last_name"] == "Baker"


def test_an_empty_change_changes_nothing(alice):
    client = signed_in_client(alice)
    before = client.get(URL).json()

    assert client.patch(URL, {}).json() == before


def test_fields_that_nobody_asked_for_change_nothing(alice):
    response = signed_in_client(alice).patch(
        URL,
        {
            "id": "00000000-0000-0000-0000-000000000001",
            "email": "mallory@example.com",
            "password": "changed",
            "is_staff": True,
            "is_superuser": True,
            "is_active": False,
            "user": "bob",
            "first_name": "Alix",
        },
    )

    assert response.status_code == 400
    assert "is_staff" in {error["field"] for error in response.json()["errors"]}
    password = alice.password
    alice.refresh_from_db()
    assert alice.first_name == "Alice"
    assert alice.email == "alice@example.com"
    assert alice.password == password
    assert (alice.is_staff, alice.is_superuser, alice.is_active) == (False, False, True)


@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, "A\x00", "\ud800", "A" * 151])
def test_a_name_that_is_none_is_refused_by_field(alice, field, value):
    response = signed_in_client(alice).patch(URL, **escaped({field: value}))

    assert_problem(response, status=400, code="invalid", field=field)
    alice.refresh_from_db()
    assert (alice.first_name, alice.last_name) == ("Alice", "Archer")


@pytest.mark.parametrize("method", ["get", "patch"])
@pytest.mark.django_db
def test_nobody_is_me_without_a_token(anonymous, method):
    response = getattr(anonymous, method)(URL)

    assert_problem(response, status=401, code="not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"
