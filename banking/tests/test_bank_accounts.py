"""Linking, showing and unlinking bank accounts."""

import json
from functools import partial

import pytest

from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem
from banking.bank_accounts import details
from banking.models import BankAccount
from banking.rules import encryption, rails
from banking.tests.factories import BankAccountFactory
from banking.tests.parallel import at_once

URL = "/api/banking/accounts/"
LINK = {
    "account_holder": "Alice Archer",
    "bank_name": "First Example Bank",
    "account_type": "checking",
    "account_number": "000123456789",
    "routing_number": "021000021",
}


def test_a_linked_account_is_verified_at_once_and_shows_four_digits(api):
    answer = api.post(URL, LINK)

    assert answer.status_code == 201
    account = answer.json()
    assert account.pop("id")
    assert account.pop("created_at").endswith("Z")
    assert account == {
        "account_holder": "Alice Archer",
        "bank_name": "First Example Bank",
        "account_type": "checking",
        "account_number_last4": "6789",
        "status": "verified",
        "verification_tries_left": None,
        "verification_expires_at": None,
    }


def test_the_account_number_is_stored_only_encrypted(api):
    api.post(URL, LINK)

    account = BankAccount.objects.get()

    stored = [str(value) for value in vars(account).values()]
    assert not any(LINK["account_number"] in value for value in stored)
    assert LINK["account_number"].encode() not in bytes(account.account_number_encrypted)
    assert details(account).account_number == LINK["account_number"]
    assert LINK["account_number"] not in repr(details(account))


def test_the_account_number_is_not_logged(api, caplog):
    caplog.set_level("DEBUG")

    answers = [
        api.post(URL, LINK),
        api.post(URL, LINK),
        api.post(URL, {**LINK, "routing_number": "111000026"}),
    ]

    assert [answer.status_code for answer in answers] == [201, 409, 400]
    assert LINK["account_number"] not in caplog.text


def test_fields_that_nobody_asked_for_change_nothing(api, bob):
    answer = api.post(
        URL, {**LINK, "status": "unlinked", "owner": str(bob.pk), "account_number_last4": "0000"}
    )

    assert answer.status_code == 400
    named = {error["field"] for error in answer.json()["errors"]}
    assert named == {"status", "owner", "account_number_last4"}
    assert not BankAccount.objects.exists()


# The worked example of the check digit formula at
# https://en.wikipedia.org/wiki/ABA_routing_transit_number is 111000025; the other is Chase's.
@pytest.mark.parametrize("number", ["111000025", "021000021"])
def test_a_routing_number_with_a_right_check_digit_is_taken(api, number):
    assert api.post(URL, {**LINK, "routing_number": number}).status_code == 201


@pytest.mark.parametrize(
    "number",
    [
        "111000026",  # wrong check digit
        "110100025",  # two digits swapped
        "000000000",
        "11100002",
        "1110000250",
        "11100002a",
        "١١١٠٠٠٠٢٥",
        "",
        None,
        True,
        [],
        {},
    ],
)
def test_a_routing_number_that_cannot_be_one_is_refused(api, number):
    answer = api.post(URL, {**LINK, "routing_number": number})

    assert_problem(answer, status=400, code="invalid", field="routing_number")
    assert not BankAccount.objects.exists()


@pytest.mark.parametrize(
    "number", ["123", "1" * 18, "12345-678", "12 345 678", "12345a", "١٢٣٤٥٦", "+12345", None, []]
)
def test_an_account_number_that_cannot_be_one_is_refused_and_not_repeated(api, number):
    answer = api.post(URL, {**LINK, "account_number": number})

    assert_problem(answer, status=400, code="invalid", field="account_number")
    told = {key: value for key, value in answer.json().items() if key != "request_id"}
    assert str(number) not in json.dumps(told, ensure_ascii=False) or number in (None, [])
    assert not BankAccount.objects.exists()


@pytest.mark.parametrize("number", ["1234", "1" * 17])
def test_the_shortest_and_the_longest_account_number_are_taken(api, number):
    assert api.post(URL, {**LINK, "account_number": number}).status_code == 201


@pytest.mark.parametrize("field", ["account_holder", "bank_name", "account_type"])
@pytest.mark.parametrize("value", ["", "x" * 151, "a\x00b", None, {}])
def test_a_malformed_text_is_refused(api, field, value):
    answer = api.post(URL, {**LINK, field: value})

    assert_problem(answer, status=400, code="invalid", field=field)
    assert not BankAccount.objects.exists()


def test_half_a_character_is_refused(api):
    raw = json.dumps({**LINK, "bank_name": "\ud800"})

    answer = api.post(URL, raw, content_type="application/json")

    assert_problem(answer, status=400, code="invalid", field="bank_name")


def test_the_same_account_twice_is_refused(api):
    api.post(URL, LINK)

    answer = api.post(URL, {**LINK, "bank_name": "Another Name"})

    assert_problem(answer, status=409, code="bank_account_exists", field="account_number")
    assert LINK["account_number"] not in answer.content.decode()
    assert BankAccount.objects.count() == 1


def test_the_same_number_at_another_bank_is_another_account(api):
    api.post(URL, LINK)

    assert api.post(URL, {**LINK, "routing_number": "111000025"}).status_code == 201


def test_two_customers_can_link_one_joint_account(api, bobs_api):
    assert api.post(URL, LINK).status_code == 201
    assert bobs_api.post(URL, LINK).status_code == 201


def test_a_duplicate_that_the_look_up_has_missed_is_refused_by_the_database(api, monkeypatch):
    api.post(URL, LINK)
    monkeypatch.setattr(encryption, "fingerprints", lambda ring, parts: [])  # not committed yet

    answer = api.post(URL, LINK)

    assert_problem(answer, status=409, code="bank_account_exists", field="account_number")
    assert BankAccount.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_links_of_one_account_that_race_make_one():
    owner = UserFactory.create()
    clients = [signed_in_client(owner) for _ in range(6)]

    answers = at_once([partial(client.post, URL, LINK) for client in clients])

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, status=409, code="bank_account_exists", field="account_number")
    assert BankAccount.objects.count() == 1


def test_the_list_has_the_customers_own_accounts_newest_first(api, bobs_api):
    first = api.post(URL, LINK).json()
    second = api.post(URL, {**LINK, "account_number": "87654321"}).json()
    bobs_api.post(URL, LINK)

    assert api.get(URL).json() == {"next": None, "previous": None, "results": [second, first]}


def test_the_list_comes_in_pages(api, alice):
    accounts = [BankAccountFactory.create(owner=alice) for _ in range(5)]

    page = api.get(URL, {"page_size": 2}).json()
    seen = [account["id"] for account in page["results"]]
    while page["next"]:
        page = api.get(page["next"]).json()
        seen += [account["id"] for account in page["results"]]

    assert sorted(seen) == sorted(str(account.pk) for account in accounts)


@pytest.mark.parametrize("size", ["0", "-1", "201", "1000000000", "x", "1e9"])
def test_a_page_size_that_is_out_of_bounds_is_refused(api, size):
    assert_problem(api.get(URL, {"page_size": size}), status=400, code="invalid", field="page_size")


def test_one_account_is_shown(api):
    account = api.post(URL, LINK).json()

    assert api.get(f"{URL}{account['id']}/").json() == account


def test_an_unlinked_account_is_gone(api):
    account = api.post(URL, LINK).json()

    answer = api.delete(f"{URL}{account['id']}/")

    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(URL).json()["results"] == []
    assert_problem(api.get(f"{URL}{account['id']}/"), status=404, code="not_found")
    assert_problem(api.delete(f"{URL}{account['id']}/"), status=404, code="not_found")


def test_an_unlinked_account_can_be_linked_again(api):
    account = api.post(URL, LINK).json()
    api.delete(f"{URL}{account['id']}/")

    again = api.post(URL, LINK)

    assert again.status_code == 201
    assert again.json()["id"] != account["id"]


def test_an_account_with_money_on_its_way_cannot_be_unlinked(api, alice):
    account = BankAccountFactory.create(owner=alice, account_number=rails.DELAYED)
    api.post(
        "/api/banking/transactions/",
        {"account": str(account.pk), "type": "deposit", "amount": "10"},
    )

    answer = api.delete(f"{URL}{account.pk}/")

    assert_problem(answer, status=409, code="bank_account_in_use")
    assert api.get(f"{URL}{account.pk}/").json()["status"] == "verified"
