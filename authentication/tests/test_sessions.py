"""A user's list of sessions, and ending them."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from authentication import sessions
from authentication.tests.api_client import client_with, signed_in, signed_in_client
from authentication.tests.problems import assert_problem

URL = "/api/auth/sessions/"


def test_the_list_shows_where_the_user_is_signed_in_newest_first(alice, bob):
    signed_in(bob)
    older = signed_in(alice, user_agent="Phone", ip_address="192.0.2.7")
    client = signed_in_client(alice)

    page = client.get(URL).json()

    assert set(page) == {"next", "previous", "results"}
    here, phone = page["results"]
    assert set(phone) == {
        "id",
        "user_agent",
        "ip_address",
        "created_at",
        "last_used_at",
        "current",
    }
    assert (here["current"], phone["current"]) == (True, False)
    assert (phone["user_agent"], phone["ip_address"]) == ("Phone", "192.0.2.7")
    assert phone["created_at"].endswith("Z")
    listed = client_with(older.access_token).get(URL).json()["results"]
    assert [session["current"] for session in listed] == [False, True]


def test_ended_and_expired_sessions_are_not_listed(alice):
    sessions.log_out(refresh_token=signed_in(alice).refresh_token, now=timezone.now())
    signed_in(alice)
    alice.sessions.filter(ended_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert len(signed_in_client(alice).get(URL).json()["results"]) == 1


def test_the_list_is_paged_without_gap_or_repetition(alice):
    for _ in range(4):
        signed_in(alice)
    client = signed_in_client(alice)
    first = client.get(URL, {"page_size": 2}).json()
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()

    ids = [s["id"] for page in (first, second, third) for s in page["results"]]
    assert ids == [str(pk) for pk in alice.sessions.order_by("-pk").values_list("pk", flat=True)]
    assert third["next"] is None


@pytest.mark.parametrize("query", [{"page_size": "1e9"}, {"page_size": "0"}, {"cursor": "x\x00"}])
def test_a_page_that_cannot_be_is_refused(alice, query):
    (field,) = query
    response = signed_in_client(alice).get(URL, query)

    assert_problem(response, status=400, code="invalid", field=field)


def test_ending_a_session_signs_that_device_out(alice):
    phone = signed_in(alice)
    client = signed_in_client(alice)
    session_id = client.get(URL).json()["results"][1]["id"]

    response = client.delete(f"{URL}{session_id}/")

    assert response.status_code == 204
    assert client_with(phone.access_token).get(URL).status_code == 401
    assert client.get(URL).status_code == 200
    assert alice.sessions.get(pk=session_id).end_reason == "ended_by_user"
    assert_problem(client.delete(f"{URL}{session_id}/"), status=404, code="not_found")


def test_the_session_that_asks_can_be_ended_too(alice):
    client = signed_in_client(alice)

    assert client.delete(f"{URL}{alice.sessions.get().pk}/").status_code == 204
    assert client.get(URL).status_code == 401


def test_a_foreign_session_is_like_a_missing_one_and_goes_on(alice, bob):
    bobs = signed_in(bob)
    client = signed_in_client(alice)

    foreign = client.delete(f"{URL}{bob.sessions.get().pk}/")
    missing = client.delete(f"{URL}{uuid.uuid4()}/")

    assert_problem(foreign, status=404, code="not_found")
    assert {**foreign.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    assert client_with(bobs.access_token).get(URL).status_code == 200


@pytest.mark.django_db
def test_sessions_are_not_shown_or_ended_without_a_token(anonymous):
    assert_problem(anonymous.get(URL), status=401, code="not_authenticated")
    response = anonymous.delete(f"{URL}{uuid.uuid4()}/")
    assert_problem(response, status=401, code="not_authenticated")
