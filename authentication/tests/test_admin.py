"""Users and sessions in the Django admin."""

import pytest
from django.test import Client

from authentication.models import User
from authentication.tests.api_client import client_with, signed_in
from authentication.tests.browsers import administrator
from authentication.tests.factories import PASSWORD

USERS = "/admin/authentication/user/"
SESSIONS = "/admin/authentication/session/"


@pytest.fixture
def admin(db: None) -> Client:
    return administrator()


def test_the_pages_open_and_show_no_hash(admin, alice):
    signed_in(alice)
    for url in (USERS, f"{USERS}{alice.pk}/change/", f"{USERS}add/", SESSIONS):
        response = admin.get(url)
        assert response.status_code == 200
        assert alice.password not in response.content.decode()
        assert "refresh_jti" not in response.content.decode()


def test_a_user_made_here_has_a_lower_case_email(admin):
    response = admin.post(
        f"{USERS}add/",
        {
            "email": "Carol@Example.com",
            "usable_password": "true",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )

    assert response.status_code == 302
    assert User.objects.get(email="carol@example.com").check_password(PASSWORD)


def test_deactivation_ends_every_session_and_api_key_for_good(admin, alice):
    tokens = signed_in(alice)
    key = {"name": "bot", "scopes": ["read"]}
    made = client_with(tokens.access_token).post("/api/auth/api-keys/", key).json()
    form = {"email": alice.email, "first_name": "Alice", "last_name": "Archer"}

    assert admin.post(f"{USERS}{alice.pk}/change/", form).status_code == 302
    alice.refresh_from_db()
    assert not alice.is_active
    assert alice.sessions.get().end_reason == "deactivated"

    admin.post(f"{USERS}{alice.pk}/change/", {**form, "is_active": "on"})
    alice.refresh_from_db()
    assert alice.is_active
    for token in (tokens.access_token, f"{made['key_id']}.{made['secret']}"):
        assert client_with(token).get("/api/auth/me/").status_code == 401


def test_a_password_set_here_ends_every_session(admin, alice):
    signed_in(alice)

    admin.post(
        f"{USERS}{alice.pk}/password/",
        {"usable_password": "true", "password1": "a battery", "password2": "a battery"},
    )

    alice.refresh_from_db()
    assert alice.check_password("a battery")
    assert alice.sessions.get().end_reason == "password_changed"


def test_the_action_ends_the_chosen_session_only(admin, alice):
    chosen, other = signed_in(alice), signed_in(alice)
    first = alice.sessions.order_by("pk")[0]

    admin.post(SESSIONS, {"action": "end", "_selected_action": [str(first.pk)]})

    assert client_with(chosen.access_token).get("/api/auth/me/").status_code == 401
    assert client_with(other.access_token).get("/api/auth/me/").status_code == 200
    first.refresh_from_db()
    assert first.end_reason == "ended_by_admin"


def test_sessions_cannot_be_made_changed_or_deleted_here(admin, alice):
    signed_in(alice)
    session = alice.sessions.get()

    assert admin.get(f"{SESSIONS}add/").status_code == 403
    assert admin.post(f"{SESSIONS}{session.pk}/change/", {"end_reason": "x"}).status_code == 403
    assert admin.post(f"{SESSIONS}{session.pk}/delete/", {"post": "yes"}).status_code == 403
