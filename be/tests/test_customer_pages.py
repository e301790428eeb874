"""A customer's own pages, as they are read by fixed SQL: orders, executions, and banking's."""

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking import bank_rows, statement, transactions
from banking.api import statement_lines
from banking.api.serializers import (
    BankAccountSerializer,
    BankTransactionSerializer,
    StatementLineSerializer,
)
from banking.models import BankAccount, BankTransaction, Posting
from banking.rules import rails
from banking.tests.factories import BankAccountFactory
from be.api.pagination import Bounds, FixedPages, NewestFirst
from be.database import statements
from exchange.models import Execution, Order, OrderType, Side
from exchange.tests import market
from exchange.trading import orders
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.rows import listed
from exchange.trading.rows.listed import OrderFilter

pytestmark = pytest.mark.django_db

ORDERS = "/api/exchange/api/v1/orders/"
EXECUTIONS = "/api/exchange/api/v1/executions/"
STATEMENT = "/api/banking/statement/"
TRANSACTIONS = "/api/banking/transactions/"
ACCOUNTS = "/api/banking/accounts/"
# How many statements a page takes, with the one that checks the session.
STATEMENTS = {ORDERS: 3, EXECUTIONS: 2, STATEMENT: 2, TRANSACTIONS: 2, ACCOUNTS: 2}


@pytest.fixture
def traders() -> list[User]:
    """Alice and Bob, who have bought seven times each, in turn."""
    aapl = market.make_instrument("AAPL")
    market.set_quote(aapl)
    both = [market.make_customer(f"{name}@example.com") for name in ("alice", "bob")]
    for _ in range(7):
        for owner in both:
            request = OrderRequest("AAPL", Side.BUY, OrderType.MARKET, Decimal("0.000001"))
            orders.place(owner_id=owner.pk, request=request, now=market.NOW)
            _moves_money(owner)
    return both


def _moves_money(owner: User) -> None:
    """Through an account of her own, by a deposit that settles, waits or fails."""
    number = OUTCOMES[owner.bank_accounts.count() % len(OUTCOMES)]
    account = BankAccountFactory.create(
        owner=owner, **({"account_number": number} if number else {})
    )
    transactions.deposit(
        owner=owner, account_id=account.pk, amount=Decimal("12.50"), now=market.NOW
    )


OUTCOMES = (None, rails.DELAYED, rails.REFUSED, *[None] * 4)


def ids(client: APIClient, url: str) -> list[str]:
    return [row["id"] for row in client.get(url).json()["results"]]


def test_two_users_in_turn_see_their_own_rows_only(traders: list[User]):
    for url, rows in (
        (ORDERS, Order.objects.all()),
        (EXECUTIONS, Execution.objects.all()),
        (STATEMENT, Posting.objects.all()),
        (TRANSACTIONS, BankTransaction.objects.all()),
        (ACCOUNTS, BankAccount.objects.all()),
    ):
        for owner in [*traders, *traders]:
            by_owner = {"account__owner": owner} if url == STATEMENT else {"owner": owner}
            own = rows.filter(**by_owner).order_by("-pk").values_list("pk", flat=True)
            assert ids(signed_in_client(owner), url) == [str(key) for key in own], url


def test_a_page_takes_the_same_few_statements_for_any_number_of_rows(
    traders: list[User], django_assert_num_queries: Any
):
    client = signed_in_client(traders[0])
    for url, count in STATEMENTS.items():
        for size in (1, 50):
            with django_assert_num_queries(count):
                client.get(f"{url}?page_size={size}")


def pages_of(url: str, owner: User) -> tuple[QuerySet[Any], Any]:
    """The rows of a list by the ORM, and by the fixed SQL."""
    if url == ORDERS:
        return Order.objects.filter(owner=owner), lambda of: listed.orders(
            owner.pk, OrderFilter(), at_most=of.at_most, below=of.below, above=of.above
        )
    if url == EXECUTIONS:
        return Execution.objects.filter(owner=owner), lambda of: listed.executions(
            owner.pk, at_most=of.at_most, below=of.below, above=of.above
        )
    if url == TRANSACTIONS:
        return BankTransaction.objects.filter(owner=owner), lambda of: bank_rows.transactions(
            owner.pk, at_most=of.at_most, below=of.below, above=of.above
        )
    if url == ACCOUNTS:
        return BankAccount.objects.filter(owner=owner), lambda of: bank_rows.accounts(
            owner.pk, at_most=of.at_most, below=of.below, above=of.above
        )
    lines = statement.lines(owner=owner)

    def read(of: Bounds) -> Any:
        if of.above is not None:
            return lines.oldest(of.at_most, above=of.above)
        return lines.newest(of.at_most, below=of.below)

    return Posting.objects.filter(account__owner=owner), read


def page(address: str, rows: QuerySet[Any], read: Any) -> dict[str, Any]:
    """A page by both kinds of pagination, which agree."""
    request = Request(APIRequestFactory().get(address))
    fixed = FixedPages(rows.model._meta.pk)
    shown = fixed.document([str(row.pk) for row in fixed.read(request, read)])
    usual = NewestFirst()
    keys = [str(row.pk) for row in usual.paginate_queryset(rows, request) or []]
    assert shown == usual.get_paginated_response(keys).data, address
    return shown


@pytest.mark.parametrize("url", STATEMENTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_pages_and_cursors_are_those_of_the_usual_pagination(
    traders: list[User], url: str, size: int
):
    rows, read = pages_of(url, traders[0])
    shown = page(f"{url}?page_size={size}", rows, read)
    while shown["next"]:
        shown = page(shown["next"], rows, read)
    while shown["previous"]:
        shown = page(shown["previous"], rows, read)
    page(f"{url}?page_size={size}&cursor=cj0x", rows, read)  # r=1: from the oldest on


def test_lines_are_shown_as_by_their_serializer(traders: list[User]):
    coin = market.make_instrument("BTC-USD", "crypto")
    for owner in traders:
        market.give(owner, coin.asset, "0.00000001")
        postings = Posting.objects.filter(account__owner=owner).order_by("-pk")
        defined = StatementLineSerializer(postings, many=True).data
        shown = [
            statement_lines.document(line) for line in statement.lines(owner=owner).newest(1000)
        ]
        assert [list(line.items()) for line in shown] == [list(line.items()) for line in defined]


BANKING: list[tuple[str, Any, Any]] = [
    (TRANSACTIONS, BankTransaction.objects, BankTransactionSerializer),
    (ACCOUNTS, BankAccount.objects, BankAccountSerializer),
]


def test_bank_accounts_and_transactions_are_shown_as_by_their_serializers(traders: list[User]):
    for owner in [*traders, *traders]:
        client = signed_in_client(owner)
        for url, rows, serializer in BANKING:
            own = rows.filter(owner=owner).order_by("-pk")
            defined = [dict(row) for row in serializer(own, many=True).data]
            shown = client.get(url).json()["results"]
            assert [list(row.items()) for row in shown] == [list(row.items()) for row in defined]
            assert [client.get(f"{url}{row['id']}/").json() for row in shown] == shown
            for other in rows.exclude(owner=owner):
                assert client.get(f"{url}{other.pk}/").status_code == 404
    assert {row.status for row in BankTransaction.objects.all()} == {
        "completed",
        "pending",
        "failed",
    }


def test_filters_of_bank_transactions_go_together_and_unlinked_accounts_are_left_out(
    traders: list[User],
):
    alice = traders[0]
    client = signed_in_client(alice)
    failed = BankTransaction.objects.get(owner=alice, status="failed")
    query = f"?status=failed&type=deposit&account={failed.account_id}"
    assert ids(client, TRANSACTIONS + query) == [str(failed.pk)]
    assert ids(client, f"{TRANSACTIONS}{query.replace('failed', 'completed')}") == []
    assert client.delete(f"{ACCOUNTS}{failed.account_id}/").status_code == 204
    assert str(failed.account_id) not in ids(client, ACCOUNTS)
    assert client.get(f"{ACCOUNTS}{failed.account_id}/").status_code == 404


def test_a_statement_that_is_planned_anew_gives_the_same_rows():
    sql = "SELECT %s + 1"
    assert statements.query(sql, (41,), planned_anew=True) == statements.query(sql, (41,))
