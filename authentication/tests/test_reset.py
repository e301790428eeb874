"""Resetting a password by a link in a mail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from authentication import links, recovery
from authentication.links import InvalidLink, Purpose
from authentication.models import OutgoingMail, Session, User
from authentication.tests.api_client import client_with, signed_in
from authentication.tests.factories import PASSWORD, UserFactory
from authentication.tests.mailbox import read_mails, token_for
from authentication.tests.problems import assert_problem

RESET = "/api/auth/password/reset/"
CONFIRM = "/api/auth/password/reset/confirm/"
LOGIN = "/api/auth/login/"
NEW = "a battery, a window"


def sign_in(client, user, password):
    return client.post(LOGIN, {"email": user.email, "password": password}).status_code


def test_a_mail_leads_to_a_new_password_and_every_session_ends(anonymous, alice):
    tokens = signed_in(alice)

    assert anonymous.post(RESET, {"email": "Alice@example.com"}).status_code == 202
    [message] = read_mails(alice.email)
    assert message.subject == "Choose a new password"
    answer = anonymous.post(CONFIRM, {"token": token_for(alice.email), "new_password": NEW})
    assert answer.status_code == 204

    assert client_with(tokens.access_token).get("/api/auth/me/").status_code == 401
    assert Session.objects.get().end_reason == "password_changed"
    assert sign_in(anonymous, alice, PASSWORD) == 401
    assert sign_in(anonymous, alice, NEW) == 200
    assert read_mails(alice.email)[-1].subject == "Your password was changed"


def test_who_reads_the_mail_has_verified_the_email(anonymous, settings, db):
    settings.REQUIRE_VERIFIED_EMAIL = True
    carol = UserFactory.create(email_verified_at=None)
    anonymous.post(RESET, {"email": carol.email})
    anonymous.post(CONFIRM, {"token": token_for(carol.email), "new_password": NEW})
    assert sign_in(anonymous, carol, NEW) == 200


def test_unknown_and_known_emails_answer_alike_after_the_same_statements(anonymous, alice):
    statements: dict[str, list[str]] = {}
    answers = []
    for email in (alice.email, "nobody@example.com"):
        with CaptureQueriesContext(connection) as captured:
            answers.append(anonymous.post(RESET, {"email": email}))
        statements[email] = [each["sql"] for each in captured]

    known, unknown = answers
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    of_known, of_unknown = ([sql.split()[0] for sql in each] for each in statements.values())
    assert of_known == of_unknown
    assert not any("authentication_user" in sql for sql in statements[alice.email])
    assert read_mails("nobody@example.com") == []


def test_a_link_works_once(anonymous, alice):
    token = links.make(Purpose.RESET_PASSWORD, alice, now=timezone.now())
    assert anonymous.post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 204
    answer = anonymous.post(CONFIRM, {"token": token, "new_password": "another, longer one"})
    assert_problem(answer, status=422, code="invalid_link")
    assert sign_in(anonymous, alice, NEW) == 200


@pytest.mark.django_db(transaction=True)
def test_of_racing_requests_with_one_link_one_succeeds():
    alice = UserFactory.create()
    token = links.make(Purpose.RESET_PASSWORD, alice, now=timezone.now())
    start = Barrier(8)

    def reset(number):
        start.wait()
        try:
            recovery.reset_password(
                token=token,
                new_password=f"a battery, window {number}",
                ip_address=None,
                now=timezone.now(),
            )
        except InvalidLink:
            return None
        finally:
            connection.close()
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(reset, range(8)) if number is not None]

    assert len(winners) == 1
    assert User.objects.get().check_password(f"a battery, window {winners[0]}")


def test_a_link_ends_after_its_lifetime(alice):
    now = timezone.now()
    token = links.make(Purpose.RESET_PASSWORD, alice, now=now)
    with pytest.raises(InvalidLink):
        recovery.reset_password(
            token=token, new_password=NEW, ip_address=None, now=now + timedelta(hours=1)
        )


@pytest.mark.parametrize(
    "change", [{"email": "new@example.com"}, {"password": "x"}, {"is_active": False}]
)
def test_a_link_ends_with_what_it_was_made_for(anonymous, alice, change):
    token = links.make(Purpose.RESET_PASSWORD, alice, now=timezone.now())
    User.objects.filter(pk=alice.pk).update(**change)
    answer = anonymous.post(CONFIRM, {"token": token, "new_password": NEW})
    assert_problem(answer, status=422, code="invalid_link")


def test_a_refused_password_leaves_the_link_as_it_is(anonymous, alice):
    token = links.make(Purpose.RESET_PASSWORD, alice, now=timezone.now())
    answer = anonymous.post(CONFIRM, {"token": token, "new_password": "12345678"})
    assert_problem(answer, status=400, code="unacceptable_password", field="new_password")
    assert anonymous.post(CONFIRM, {"token": token, "new_password": NEW}).status_code == 204


def test_a_verifying_link_sets_no_password(anonymous, alice):
    token = links.make(Purpose.VERIFY_EMAIL, alice, now=timezone.now())
    answer = anonymous.post(CONFIRM, {"token": token, "new_password": NEW})
    assert_problem(answer, status=422, code="invalid_link")


def test_a_forged_link_costs_no_hash(anonymous, alice, hash_count):
    anonymous.post(CONFIRM, {"token": "a:b", "new_password": NEW})
    assert hash_count == []


def test_no_link_is_ever_stored(anonymous, alice):
    anonymous.post(RESET, {"email": alice.email})
    row = OutgoingMail.objects.values().get()
    assert set(row) == {"id", "kind", "address", "user_id", "created_at", "due_at", "tries"}
    assert "http" not in str(row)
