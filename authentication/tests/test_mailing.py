"""Sending mails: from the outbox, after the answer, once, and again while a mail server is away."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from smtplib import SMTPRecipientsRefused
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction
from django.utils import timezone

from authentication import mailing, mails, outbox
from authentication.models import OutgoingMail
from authentication.outbox import Kind
from authentication.tests.factories import UserFactory
from be.serving import mail_thread

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def ask(user, kind=Kind.RESET_PASSWORD, now=NOW):
    outbox.post(kind=kind, address=user.email, user_id=user.pk, now=now)


def send(at=NOW):
    return mailing.send_due(lambda: at)


class Broken(EmailBackend):
    def send_messages(self, messages):
        raise ConnectionRefusedError(f"nobody is there for {messages[0].to}")


class Refusing(EmailBackend):
    def send_messages(self, messages):
        raise SMTPRecipientsRefused({messages[0].to[0]: (550, b"no such mailbox")})


def backend(settings, kind):
    settings.EMAIL_BACKEND = f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", [*Kind, mails.ALREADY_REGISTERED])
def test_every_mail_has_the_same_in_text_and_html(alice, kind, settings):
    settings.PUBLIC_URL = "https://broker.example"
    settings.EMAIL_FROM = "Broker <no-reply@broker.example>"
    alice.email_verified_at = None
    alice.first_name = "<b>Al & Co</b>"
    alice.save()
    address = "new@example.com" if kind == Kind.CHANGE_EMAIL else alice.email
    user_id = None if kind == mails.ALREADY_REGISTERED else alice.pk
    kind = Kind.SIGN_UP if kind == mails.ALREADY_REGISTERED else kind
    outbox.post(kind=kind, address=address, user_id=user_id, now=NOW)

    assert send() == (1, 0)
    message: Any = mail.outbox[0]
    assert message.to == [address]
    assert message.from_email == "Broker <no-reply@broker.example>"
    [(html, content_type)] = message.alternatives
    assert content_type == "text/html"
    assert "Hello <b>Al & Co</b>," in message.body
    assert "Hello &lt;b&gt;Al &amp; Co&lt;/b&gt;," in html
    assert "{" not in message.body
    links = set(re.findall(r"https://broker\.example/\w+/#\S+", message.body))
    assert links == set(re.findall(r'"(https://broker\.example/\w+/#[^"]+)"', html))
    assert all(len(line) < 998 and line.isascii() for line in message.body.splitlines())


def test_nothing_is_sent_for_what_was_rolled_back(alice):
    with transaction.atomic():
        ask(alice)
        transaction.set_rollback(True)
    assert send() == (0, 0)


def test_while_the_mail_server_is_away_a_mail_waits_and_none_is_lost(alice, settings, caplog):
    ask(alice)
    backend(settings, Broken)
    assert send() == (0, 1)
    assert send(NOW + timedelta(seconds=9)) == (0, 0)  # it waits a while
    assert send(NOW + timedelta(seconds=10)) == (0, 1)
    assert alice.email not in caplog.text
    assert "ConnectionRefusedError" in caplog.text

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send(NOW + DAY) == (1, 0)
    assert send(NOW + 2 * DAY) == (0, 0)  # once
    assert len(mail.outbox) == 1


def test_a_mail_that_is_never_taken_is_given_up(alice, settings, caplog):
    ask(alice)
    backend(settings, Refusing)
    assert send(NOW + 3 * DAY) == (0, 1)
    assert send(NOW + 4 * DAY) == (0, 1)
    assert not OutgoingMail.objects.exists()
    assert "given up" in caplog.text
    assert alice.email not in caplog.text


def test_one_bad_address_holds_up_nobody_else(alice, bob, settings):
    class RefusingAlice(EmailBackend):
        def send_messages(self, messages):
            if messages[0].to == [alice.email]:
                raise SMTPRecipientsRefused({})
            return super().send_messages(messages)

    settings.EMAIL_BACKEND = f"{__name__}.Sometimes"
    globals()["Sometimes"] = RefusingAlice
    ask(alice)
    ask(bob)
    assert send() == (1, 1)
    assert [message.to for message in mail.outbox] == [[bob.email]]


def test_a_process_that_dies_while_sending_leaves_the_mail_to_another(alice):
    ask(alice)
    assert outbox.claim(NOW) is not None  # and never heard of again
    assert send(NOW + timedelta(seconds=119)) == (0, 0)
    assert send(NOW + timedelta(minutes=2)) == (1, 0)


def test_the_link_is_made_when_the_mail_is_sent(alice):
    """So its time does not run while the mail waits, and the newest state counts."""
    ask(alice, now=NOW)
    send(NOW + DAY)
    assert "within 1 hour" in mail.outbox[0].body


@pytest.mark.django_db(transaction=True)
def test_of_several_senders_each_mail_has_one(settings):
    for _ in range(12):
        ask(UserFactory.create())
    start = Barrier(4)

    def run(_):
        start.wait()
        try:
            return send()[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 12
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == 12


@pytest.mark.django_db(transaction=True)
def test_what_goes_wrong_does_not_end_the_thread(alice, monkeypatch, caplog):
    def broken(clock):
        raise KeyError("a template that is missing")

    monkeypatch.setattr(mailing, "send_due", broken)
    mail_thread.look()
    assert "mails could not be sent" in caplog.text
    monkeypatch.undo()

    ask(alice, now=timezone.now())
    assert outbox.posted.is_set()
    mail_thread.look()
    assert len(mail.outbox) == 1
