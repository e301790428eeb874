"""A customer's session with the client that openapi-generator makes (Python): BASE is the server.

Run by be/tests/test_generated_clients.py, which puts `brokerpro_client` on the path.
"""

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from brokerpro_client import (
    ApiClient,
    ApiException,
    AuthenticationApi,
    BankingApi,
    Configuration,
    LinkBankAccountRequest,
    MarketDataApi,
    NewBankTransactionRequest,
    Order,
    OrderRequest,
    OrdersApi,
    PortfolioApi,
    RegisterRequest,
    ReplaceRequest,
    StatusApi,
)


def pages(read: Callable[..., Any], size: int) -> Iterator[Any]:
    """All rows of a list, page by page."""
    cursor = None
    while True:
        page = read(page_size=size, cursor=cursor)
        assert len(page.results) <= size
        yield from page.results
        if page.next is None:
            return
        [cursor] = parse_qs(urlsplit(page.next).query)["cursor"]


def assert_nothing_is_lost(order: Order, answered: dict[str, Any]) -> None:
    """What was read is written down again with every field, decimals to the digit."""
    written = json.loads(order.to_json())
    assert set(order.to_dict()) == set(answered), set(answered) ^ set(order.to_dict())
    for name, value in answered.items():
        if not name.endswith("_at") and name not in ("executions", "legs"):
            assert written[name] == value, name
    for one, other in zip(written["executions"], answered["executions"], strict=True):
        assert {**one, "executed_at": ""} == {**other, "executed_at": ""}
    assert Order.from_dict(order.to_dict()) == order


def main(base: str) -> None:
    configuration = Configuration(host=base)
    client = ApiClient(configuration)
    assert StatusApi(client).status_retrieve().status in ("ok", "degraded")
    tokens = AuthenticationApi(client).auth_register(
        RegisterRequest(email=f"{secrets.token_hex(6)}@example.com", password="a horse, a staple")
    )
    configuration.access_token = tokens.access_token
    assert AuthenticationApi(client).auth_me().email == tokens.user.email

    banking = BankingApi(client)
    account = banking.banking_accounts_create(
        LinkBankAccountRequest(
            account_holder="Gina Generated",
            bank_name="First Example Bank",
            account_type="checking",
            account_number=str(4_400_000_000 + secrets.randbelow(10**9)),
            routing_number="021000021",
        )
    )
    deposit = banking.banking_transactions_create(
        NewBankTransactionRequest(account=account.id, type="deposit", amount="10000.00"),
        idempotency_key=secrets.token_hex(8),
    )
    assert (deposit.status, deposit.amount) == ("completed", "10000.00")
    assert deposit.to_dict()["amount"] == "10000.00"

    market = MarketDataApi(client)
    symbols = [each.symbol for each in pages(market.market_data_list, 2)]
    assert len(symbols) > 4
    assert symbols == sorted(set(symbols))
    quote = market.market_data_current_prices(symbols="AAPL").results[0]
    assert Decimal(quote.to_dict()["bid"]) < Decimal(quote.ask)
    assert market.market_data_candles("AAPL", interval="1m", limit=5).candles[0].close

    orders = OrdersApi(client)
    bought = orders.orders_create(
        OrderRequest(symbol="AAPL", side="buy", order_type="market", quantity="1.5"),
        idempotency_key=secrets.token_hex(8),
    )
    while bought.status in ("accepted", "new"):  # waits for a fresh quote
        time.sleep(0.2)
        bought = orders.orders_retrieve(bought.id)
    answered = orders.orders_retrieve_without_preload_content(bought.id)
    assert_nothing_is_lost(orders.orders_retrieve(bought.id), json.loads(answered.data))
    assert (bought.status, bought.quantity, bought.limit_price) == ("filled", "1.5", None)
    assert sum(Decimal(fill.quantity) for fill in bought.executions) == Decimal("1.5")

    waiting = orders.orders_create(
        OrderRequest(
            symbol="AAPL", side="buy", order_type="limit", quantity="1", limit_price="1.00"
        )
    )
    replaced = orders.orders_replace(waiting.id, ReplaceRequest(limit_price="1.25"))
    assert (replaced.replaces, replaced.limit_price) == (waiting.id, "1.25")
    assert orders.orders_cancel(replaced.id).status == "canceled"
    listed = list(pages(orders.orders_list, 1))
    assert [each.id for each in listed] == [replaced.id, waiting.id, bought.id]

    holdings = PortfolioApi(client).portfolio_holdings_list()
    assert holdings.results[0].to_dict()["quantity"] == "1.5"
    assert Decimal(holdings.totals.equity) > 0
    assert len(list(pages(banking.banking_statement_list, 2))) > 2

    with pytest.raises(ApiException) as caught:
        orders.orders_create(
            OrderRequest(symbol="AAPL", side="sell", order_type="market", quantity="99999")
        )
    refusal = caught.value
    assert (refusal.status, refusal.data.code) == (422, "insufficient_position")
    assert refusal.headers["X-Request-ID"] == refusal.data.request_id


if __name__ == "__main__":
    main(sys.argv[1])
