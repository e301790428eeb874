"""A customer's page tells the whole story, to each as far as they may see it, in few queries."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from authentication.models import ApiKey, User
from authentication.tests import test_identity
from authentication.tests.api_client import signed_in, signed_in_client
from authentication.tests.browsers import browser
from authentication.tests.factories import UserFactory
from be.desk.story import parts
from be.desk.tests.conftest import Everything
from exchange.tests import market

# What the page asks: the session and its user with their rights, and a few for each part.
QUERIES_AT_MOST = 30


def page_of(client: Client, customer: User) -> str:
    answer = client.get(reverse("admin:desk_story", args=[customer.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def words(html: str) -> str:
    return re.sub(r"\s+", " ", strip_tags(html.replace("<", " <")))


def test_the_whole_story_is_on_one_page(root, everything):
    shown = words(page_of(root, everything.alice))

    for told in (
        "alice@example.com",
        str(everything.alice.pk),
        "Equity 9,899.94",  # 10,000 less a withdrawal of 100, and three shares at the bid
        "570.00",
        "3.000000",
        "the-one-i-mean",
        "123.45",
        "…6789",
        "withdrawal 100.00",
        "-570.06 USD",
        "127.0.0.1",
        "live",
        "my bot",
        "API key made",
    ):
        assert told in shown, told


def test_it_says_how_far_the_customer_is_known(root):
    alice = UserFactory.create(email_verified_at=None)
    shown = words(page_of(root, alice))
    assert "E-mail verified no" in shown
    assert "Identity verified no Application none" in shown

    User.objects.update(email_verified_at=market.NOW)
    assert test_identity.apply(signed_in_client(alice), "900-00-0001").status_code == 201

    shown = words(page_of(root, alice))
    assert "E-mail verified 20" in shown
    assert "Identity verified no Application documents required" in shown


def test_it_shows_no_secret(root, everything):
    shown = page_of(root, everything.alice)

    for secret in (
        everything.alice.password,
        "700123456789",
        everything.bank.account_number_fingerprint,
        everything.session.refresh_jti,
        everything.key.secret,
        ApiKey.objects.get().secret_hash,
    ):
        assert secret not in shown


PARTS = {
    "desk.view_customer": {"Identity"},
    "banking.view_ledgeraccount": {"Value and risk", "Largest positions", "Balances"},
    "exchange.view_order": {"Open orders", "Recent orders"},
    "banking.view_banktransaction": {"Deposits and withdrawals"},
    "banking.view_bankaccount": {"Bank accounts"},
    "banking.view_correction": {"Corrections"},
    "banking.view_posting": {"Ledger"},
    "authentication.view_session": {"Sessions"},
    "authentication.view_apikey": {"API keys"},
    "authentication.view_auditevent": {"Audit log"},
}


def titles(html: str) -> set[str]:
    return {
        words(title).removesuffix(" all ").strip() for title in re.findall("<h2>(.*?)</h2>", html)
    }


def permission(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


@pytest.mark.parametrize("right", PARTS)
def test_each_part_is_for_those_who_may_see_such_rows(right, everything):
    clerk = UserFactory.create(email="clerk@example.com", is_staff=True)
    clerk.user_permissions.set([permission("desk.view_customer"), permission(right)])

    shown = titles(page_of(browser(clerk), everything.alice))

    assert shown == PARTS["desk.view_customer"] | PARTS[right]


def test_all_parts_together_are_those_of_the_table(root, everything):
    assert titles(page_of(root, everything.alice)) == set().union(*PARTS.values())


def busy(everything: Everything, times: int) -> None:
    for number in range(times):
        market.place(everything.alice, quantity="0.5")
        market.place(everything.alice, limit=f"{100 + number}")
        signed_in(everything.alice)


def test_a_busy_customer_costs_no_more_queries_and_has_links_to_the_rest(root, everything):
    page_of(root, everything.alice)
    with CaptureQueriesContext(
        connection,
    ) as quiet:
        page_of(root, everything.alice)
    busy(everything, parts.ROWS + 1)

    with CaptureQueriesContext(connection) as loud:
        html = page_of(root, everything.alice)

    assert len(loud) <= len(quiet) <= QUERIES_AT_MOST
    tables = re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)
    assert max(table.count("<tr>") for table in tables) == parts.ROWS
    more = dict(re.findall(r'<h2>([\w ]+?) <a href="([^"]+)">all</a>', html))
    assert {"Open orders", "Recent orders", "Ledger", "Sessions"} <= more.keys()
    for title, link in more.items():
        listed = root.get(link.replace("&amp;", "&"))
        assert listed.status_code == 200, title
        assert listed.context["cl"].result_count > parts.ROWS, title


def test_the_lists_behind_it_have_no_row_of_others(root, everything):
    bob = market.make_customer("bob@example.com")
    market.place(bob)
    busy(everything, parts.ROWS + 1)

    html = page_of(root, everything.alice)

    for link in re.findall(r'<h2>[\w ]+? <a href="([^"]+)">all</a>', html):
        listed = root.get(link.replace("&amp;", "&"))
        assert "bob@example.com" not in words(listed.content.decode())


def test_the_address_that_lists_lead_to_leads_to_the_story(root, everything):
    answer = root.get(reverse("admin:desk_customer_change", args=[everything.alice.pk]))
    assert answer["Location"] == reverse("admin:desk_story", args=[everything.alice.pk])


@pytest.mark.parametrize("wrong", ["00000000-0000-7000-8000-000000000000", "nobody"])
def test_who_is_not_there_is_not_found(root, wrong):
    assert root.get(f"/admin/desk/customer/{wrong}/").status_code in (302, 404)
    assert root.get(f"/admin/desk/customer/{wrong}/", follow=True).status_code in (200, 404)
