"""E-mail verification: links that work once, and answers that tell nothing about who exists."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from authentication import links, recovery
from authentication.links import InvalidLink, Purpose
from authentication.models import OutgoingMail, Session, User
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import PASSWORD, UserFactory
from authentication.tests.mailbox import read_mails, token_for
from authentication.tests.problems import assert_problem

REGISTER = "/api/auth/register/"
LOGIN = "/api/auth/login/"
VERIFY = "/api/auth/email/verify/"
RESEND = "/api/auth/email/resend/"
EMAIL = "/api/auth/email/"
BODY = {"email": "carol@example.com", "password": PASSWORD, "first_name": "Carol"}


@pytest.fixture
def verified_only(settings, db):
    settings.REQUIRE_VERIFIED_EMAIL = True


@pytest.fixture
def carol(db):
    """A user who has not verified her e-mail yet."""
    return UserFactory.create(email="carol@example.com", email_verified_at=None)


def without_id(response):
    """What a client can compare, but for the id that each request has."""
    kept = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    return response.status_code, kept, response.content


@pytest.mark.usefixtures("verified_only")
def test_who_registers_verifies_the_email_and_then_signs_in(anonymous):
    answer = anonymous.post(REGISTER, BODY)
    assert answer.status_code == 202
    assert answer.json() == {"status": "verification_sent"}
    assert not Session.objects.exists()
    assert_problem(anonymous.post(LOGIN, credentials()), status=403, code="email_not_verified")

    [message] = read_mails("carol@example.com")
    assert message.subject == "Verify your e-mail"
    assert anonymous.post(VERIFY, {"token": token_for("carol@example.com")}).status_code == 204

    answer = anonymous.post(LOGIN, credentials())
    assert answer.status_code == 200
    assert answer.json()["user"]["email_verified"] is True


def credentials(password=PASSWORD):
    return {"email": BODY["email"], "password": password}


@pytest.mark.usefixtures("verified_only")
def test_only_the_right_password_learns_that_the_email_is_not_verified(anonymous, carol):
    wrong = anonymous.post(LOGIN, credentials("not her password"))
    assert_problem(wrong, status=401, code="invalid_credentials")


@pytest.mark.usefixtures("verified_only")
def test_a_taken_email_answers_like_a_free_one_and_its_owner_gets_a_mail(anonymous, alice):
    free = anonymous.post(REGISTER, BODY)
    taken = anonymous.post(REGISTER, {**BODY, "email": alice.email})

    assert without_id(taken) == without_id(free)
    [message] = read_mails(alice.email)
    assert message.subject == "You have an account already"
    assert "#" not in message.body  # no link: hers is verified, and nothing is to be done
    assert User.objects.get(email=alice.email).password == alice.password


@pytest.mark.usefixtures("verified_only")
def test_who_registers_twice_finds_the_link_in_the_second_mail_too(anonymous, carol):
    anonymous.post(REGISTER, {**BODY, "password": "another password, longer"})

    assert read_mails(carol.email)[0].subject == "You have an account already"
    assert anonymous.post(VERIFY, {"token": token_for(carol.email)}).status_code == 204
    assert anonymous.post(LOGIN, credentials()).status_code == 200  # the first password counts


@pytest.mark.django_db
def test_where_no_verification_is_required_it_can_be_done_later(anonymous):
    answer = anonymous.post(REGISTER, BODY)
    assert answer.status_code == 201
    assert answer.json()["user"]["email_verified"] is False

    anonymous.post(VERIFY, {"token": token_for(BODY["email"])})

    assert User.objects.get().email_verified


def test_a_link_works_once(anonymous, carol):
    anonymous.post(RESEND, {"email": carol.email})
    token = token_for(carol.email)

    assert anonymous.post(VERIFY, {"token": token}).status_code == 204
    assert_problem(anonymous.post(VERIFY, {"token": token}), status=422, code="invalid_link")


@pytest.mark.django_db(transaction=True)
def test_of_racing_requests_with_one_link_one_succeeds():
    carol = UserFactory.create(email_verified_at=None)
    token = links.make(Purpose.VERIFY_EMAIL, carol, now=timezone.now())
    start = Barrier(8)

    def verify(_):
        start.wait()
        try:
            recovery.verify(token=token, now=timezone.now())
        except InvalidLink:
            return "refused"
        finally:
            connection.close()
        return "verified"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(verify, range(8))) == ["refused"] * 7 + ["verified"]


def test_a_link_ends_after_its_lifetime(carol):
    now = timezone.now()
    token = links.make(Purpose.VERIFY_EMAIL, carol, now=now)
    late = now + links.LIFETIMES[Purpose.VERIFY_EMAIL]

    with pytest.raises(InvalidLink):
        recovery.verify(token=token, now=late)
    recovery.verify(token=token, now=late - timedelta(seconds=1))


@pytest.mark.parametrize(
    "change", [{"email": "new@example.com"}, {"password": "x"}, {"is_active": False}]
)
def test_a_link_ends_with_what_it_was_made_for(anonymous, carol, change):
    token = links.make(Purpose.VERIFY_EMAIL, carol, now=timezone.now())
    User.objects.filter(pk=carol.pk).update(**change)

    assert_problem(anonymous.post(VERIFY, {"token": token}), status=422, code="invalid_link")
    assert not User.objects.get().email_verified


def test_a_link_of_another_purpose_verifies_nothing(anonymous, carol):
    token = links.make(Purpose.RESET_PASSWORD, carol, now=timezone.now())
    assert_problem(anonymous.post(VERIFY, {"token": token}), status=422, code="invalid_link")


@pytest.mark.parametrize("spoil", [str.upper, lambda token: token[:-1], lambda token: "x" + token])
def test_a_link_that_was_changed_is_refused(anonymous, carol, spoil):
    token = links.make(Purpose.VERIFY_EMAIL, carol, now=timezone.now())
    answer = anonymous.post(VERIFY, {"token": spoil(token)})
    assert_problem(answer, status=422, code="invalid_link")


@pytest.mark.parametrize("token", ["", 7, None, "x" * 1001, "a\x00b"])
@pytest.mark.django_db
def test_a_malformed_token_is_bad_input(anonymous, token):
    answer = anonymous.post(VERIFY, {"token": token})
    assert_problem(answer, status=400, code="invalid", field="token")


@pytest.mark.django_db
def test_letters_beyond_ascii_are_no_link(anonymous):
    assert_problem(anonymous.post(VERIFY, {"token": "é:é"}), status=422, code="invalid_link")


def test_a_resent_mail_is_for_the_unverified_alone_and_the_answer_does_not_tell(
    anonymous, alice, carol
):
    answers = [
        without_id(anonymous.post(RESEND, {"email": email}))
        for email in (alice.email, carol.email, "nobody@example.com")
    ]

    assert answers[0][0] == 202
    assert answers[0] == answers[1] == answers[2]
    assert OutgoingMail.objects.count() == 3  # the same work for each
    assert read_mails(alice.email) == []
    assert len(read_mails(carol.email)) == 1
    assert len(mail.outbox) == 1
    assert not OutgoingMail.objects.exists()


def test_no_mail_goes_to_who_was_deactivated(anonymous, carol):
    User.objects.filter(pk=carol.pk).update(is_active=False)
    anonymous.post(RESEND, {"email": carol.email})
    assert read_mails(carol.email) == []


def test_a_server_without_mail_says_so_alike_to_all(anonymous, carol, settings):
    settings.SENDS_MAIL = False
    for email in (carol.email, "nobody@example.com"):
        answer = anonymous.post(RESEND, {"email": email})
        assert_problem(answer, status=422, code="sends_no_mail")
    assert not OutgoingMail.objects.exists()


# Another e-mail


def test_a_new_email_replaces_the_old_one_once_its_link_is_opened(alice):
    client = signed_in_client(alice)
    body = {"email": "alice@work.example", "current_password": PASSWORD}

    assert client.post(EMAIL, body).status_code == 202
    [message] = read_mails("alice@work.example")
    assert message.subject == "Verify your new e-mail"
    assert User.objects.get().email == alice.email

    assert client.post(VERIFY, {"token": token_for("alice@work.example")}).status_code == 204
    assert User.objects.get().email == "alice@work.example"
    assert client.get("/api/auth/me/").json()["email_verified"] is True
    [notice] = read_mails(alice.email)
    assert notice.subject == "Your e-mail was changed"


def test_a_new_email_needs_the_password(alice):
    body = {"email": "alice@work.example", "current_password": "not hers"}
    answer = signed_in_client(alice).post(EMAIL, body)
    assert_problem(answer, status=422, code="wrong_password", field="current_password")
    assert not OutgoingMail.objects.exists()


def test_somebody_elses_email_gets_no_mail_and_the_answer_does_not_tell(alice, bob):
    client = signed_in_client(alice)
    free, taken = (
        client.post(EMAIL, {"email": email, "current_password": PASSWORD})
        for email in ("alice@work.example", bob.email)
    )
    assert without_id(free) == without_id(taken)
    assert read_mails(bob.email) == []


def test_an_email_that_was_taken_meanwhile_is_not_taken_away(anonymous, alice, bob):
    token = links.make(Purpose.CHANGE_EMAIL, alice, now=timezone.now(), new_email=bob.email)
    assert_problem(anonymous.post(VERIFY, {"token": token}), status=422, code="invalid_link")
    assert User.objects.get(pk=alice.pk).email == alice.email
