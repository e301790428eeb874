"""Tries to verify a bank account are bounded: for the account, for its owner's day, and in time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
import time_machine

from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking import bank_accounts
from banking.micro_deposits import (
    MicroDepositsMismatch,
    TooManyVerifications,
    VerificationTriesExhausted,
)
from banking.models import BankAccount, VerificationDay
from banking.rules import encryption, rails
from banking.tests.factories import NOW, BankAccountFactory
from banking.tests.parallel import at_once

URL = "/api/banking/accounts/"
LINK = {
    "account_holder": "Alice Archer",
    "bank_name": "First Example Bank",
    "account_type": "checking",
    "account_number": rails.NEEDS_MICRO_DEPOSITS,
    "routing_number": "021000021",
}
RIGHT = {"amounts": ["0.32", "0.45"]}
WRONG = {"amounts": ["0.01", "0.02"]}


@pytest.fixture
def clock():
    with time_machine.travel(datetime(2026, 3, 2, 14, 30, tzinfo=UTC), tick=False) as moved:
        yield moved


@pytest.fixture
def api(clock, alice):
    return signed_in_client(alice)


@pytest.fixture
def bobs_api(clock, bob):
    return signed_in_client(bob)


def link(client):
    return client.post(URL, LINK).json()["id"]


def verify(client, account, body):
    return client.post(f"{URL}{account}/verify/", body)


def shown(client, account):
    found = client.get(f"{URL}{account}/").json()
    return found["status"], found["verification_tries_left"], found["verification_expires_at"]


def test_the_customer_sees_how_many_tries_are_left_and_until_when(api, clock):
    account = link(api)
    assert shown(api, account) == ("pending", 3, "2026-03-12T14:30:00.000000Z")

    answer = verify(api, account, WRONG)

    assert "Tries left: 2" in answer.json()["detail"]
    assert shown(api, account) == ("pending", 2, "2026-03-12T14:30:00.000000Z")
    verify(api, account, RIGHT)
    assert shown(api, account) == ("verified", None, None)


def test_after_three_wrong_tries_the_right_amounts_are_refused_too(api, clock):
    account = link(api)
    for _ in range(3):
        answer = verify(api, account, WRONG)
        assert_problem(answer, status=422, code="micro_deposits_mismatch", field="amounts")

    for body in (RIGHT, WRONG):
        answer = verify(api, account, body)
        assert_problem(answer, status=409, code="verification_tries_exhausted")
    assert shown(api, account)[:2] == ("pending", 0)


def test_a_request_without_amounts_costs_no_try(api, clock):
    account = link(api)

    verify(api, account, {})

    assert shown(api, account)[1] == 3


def test_who_links_an_account_again_has_new_tries_but_the_same_day(api, alice, clock, settings):
    settings.MICRO_DEPOSIT_TRIES_A_DAY = 4
    first = link(api)
    for _ in range(3):
        verify(api, first, WRONG)
    api.delete(f"{URL}{first}/")
    second = link(api)
    verify(api, second, WRONG)

    answer = verify(api, second, RIGHT)

    assert_problem(answer, status=429, code="too_many_verifications")
    assert int(answer["Retry-After"]) == 9.5 * 3600 + 1
    assert shown(api, second)[:2] == ("pending", 2)
    clock.move_to(datetime(2026, 3, 3, 0, 0, tzinfo=UTC))
    assert verify(signed_in_client(alice), second, RIGHT).status_code == 200


def test_another_customer_has_a_day_of_their_own(api, bobs_api, clock, settings):
    settings.MICRO_DEPOSIT_TRIES_A_DAY = 1
    verify(api, link(api), WRONG)

    assert verify(bobs_api, link(bobs_api), RIGHT).status_code == 200


def test_micro_deposits_expire(api, alice, clock):
    account = link(api)
    clock.shift(timedelta(days=10))
    client = signed_in_client(alice)

    answer = verify(client, account, RIGHT)

    assert_problem(answer, status=409, code="verification_expired")
    assert shown(client, account)[0] == "pending"
    clock.shift(timedelta(microseconds=-1))
    assert verify(client, account, RIGHT).status_code == 200


def test_micro_deposits_are_sent_to_so_many_accounts_a_day(api, clock, settings):
    settings.MICRO_DEPOSIT_STARTS_A_DAY = 2
    for _ in range(2):
        api.delete(f"{URL}{link(api)}/")

    answer = api.post(URL, LINK)

    assert_problem(answer, status=429, code="too_many_verifications")
    assert BankAccount.objects.exclude(status="unlinked").count() == 0
    other = api.post(URL, {**LINK, "account_number": "123456789"})
    assert other.status_code == 201, "one that needs none can be linked"


def test_the_amounts_are_stored_only_encrypted_and_for_their_purpose(api, clock):
    account = BankAccount.objects.get(pk=link(api))

    sealed = bytes(account.micro_deposits_encrypted or b"")
    assert sealed

    assert b"0.32" not in sealed
    with pytest.raises(encryption.Unreadable):
        encryption.unseal(bank_accounts.key_ring(), sealed, row_id=account.pk)


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_are_counted_one_by_one():
    owner = UserFactory.create()
    account = BankAccountFactory.create(owner=owner, account_number=rails.NEEDS_MICRO_DEPOSITS)

    def guess(cents):
        try:
            bank_accounts.verify(
                owner=owner, account_id=account.pk, amounts=[Decimal(cents) / 100] * 2, now=NOW
            )
        except (MicroDepositsMismatch, VerificationTriesExhausted) as refusal:
            return refusal.code
        return "verified"

    codes = at_once([partial(guess, cents) for cents in range(1, 9)])

    assert sorted(codes) == ["micro_deposits_mismatch"] * 3 + ["verification_tries_exhausted"] * 5
    account.refresh_from_db()
    assert account.wrong_tries == 3
    assert VerificationDay.objects.get(owner=owner).wrong_tries == 3


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_at_several_accounts_are_bounded_by_the_day(settings):
    settings.MICRO_DEPOSIT_TRIES_A_DAY = 4
    owner = UserFactory.create()
    accounts = [
        BankAccountFactory.create(
            owner=owner, account_number=rails.NEEDS_MICRO_DEPOSITS, routing_number=routing
        )
        for routing in ("021000021", "111000025", "011401533", "091000019")
    ]

    def guess(account):
        try:
            bank_accounts.verify(
                owner=owner, account_id=account.pk, amounts=[Decimal("0.01")] * 2, now=NOW
            )
        except (MicroDepositsMismatch, TooManyVerifications) as refusal:
            return refusal.code
        return "verified"

    codes = at_once([partial(guess, account) for account in accounts * 2])

    assert codes.count("micro_deposits_mismatch") == 4
    assert codes.count("too_many_verifications") == 4
