"""One box finds customers, orders, money and bank accounts, as far as one may look at them."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from authentication.tests.browsers import browser
from authentication.tests.factories import UserFactory
from banking.models import JournalEntry
from be.desk.tests.conftest import desk_of
from exchange.models import Execution
from exchange.tests import market

SEARCH = "/admin/search/"


def found(client, query):
    """Where the one hit leads to, or the texts of several."""
    answer = client.get(SEARCH, {"q": query})
    if answer.status_code == 302:
        return answer["Location"]
    assert answer.status_code == 200
    return [hit.text for hit in answer.context["hits"]]


def page(model, row):
    return reverse(f"admin:{model}_change", args=[row.pk])


def test_each_thing_is_found_by_what_it_is_called(everything):
    desk = desk_of("support")
    execution = Execution.objects.get()

    for query, expected in {
        "alice@example.com": page("desk_customer", everything.alice),
        " ALICE@example ": page("desk_customer", everything.alice),
        str(everything.alice.pk): page("desk_customer", everything.alice),
        str(everything.bought.pk): page("exchange_order", everything.bought),
        everything.resting.pk.hex.upper(): None,  # its hold has the same reference, not its id
        "the-one-i-mean": page("exchange_order", everything.resting),
        "6789": page("banking_bankaccount", everything.bank),
        str(execution.pk): page("exchange_execution", execution),
    }.items():
        shown = found(desk, query)
        assert shown == expected or (expected is None and shown), query


def test_an_id_finds_what_it_is_the_reference_of_too(everything):
    shown = found(desk_of("support"), str(everything.withdrawal.pk))

    assert shown[0] == "alice@example.com: withdrawal, completed"
    assert any(text.startswith("withdrawal ") for text in shown[1:]), "its journal entries"


def test_only_what_one_may_look_at_is_found(everything):
    clerk = UserFactory.create(email="clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_customer"))
    client = browser(clerk)

    assert found(client, "alice@example.com") == page("desk_customer", everything.alice)
    for query in ("the-one-i-mean", "6789", str(everything.bought.pk), "1"):
        assert found(client, query) == [], query


def test_somebody_elses_client_order_id_may_be_the_same(everything):
    bob = market.make_customer("bob@example.com")
    market.place(bob, limit="100", client_order_id="the-one-i-mean")

    shown = found(desk_of("support"), "the-one-i-mean")

    assert [text.split(":")[0] for text in shown] == ["bob@example.com", "alice@example.com"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "%",
        "_",
        "'",
        "\x00",
        "a\nb",
        "٤٤٤٤",
        "99999999999999999999999999",
        "-1",
        "1e3",
        "x" * 5000,
        "00000000-0000-0000-0000-000000000000",
        "{01a18a1b-3000-7000-9bd3-ca3c1d8afc54}",
        "<script>alert(1)</script>",
    ],
    ids=range(15),
)
def test_what_makes_no_sense_finds_nothing(root, everything, query):
    assert found(root, query) == []


def test_a_percent_sign_is_a_percent_sign(root, everything):
    UserFactory.create(email="a%b@example.com")

    assert found(root, "%") != []
    assert found(root, "a_b@") == []


def test_a_number_finds_a_journal_entry(root, everything):
    entry = JournalEntry.objects.order_by("-pk")[0]
    assert found(root, str(entry.pk)) == page("banking_journalentry", entry)


def test_many_hits_are_cut(root, everything):
    for _ in range(25):
        UserFactory.create()

    assert len(found(root, "trader")) == 20
