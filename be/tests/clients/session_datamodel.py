"""A customer's session with the models that datamodel-code-generator makes: BASE is the server.

Run by be/tests/test_generated_clients.py, which puts `brokerpro_models` on the path. Requests are
models that are written down, answers are read into models: strictly, and all of them.
"""

import json
import re
import secrets
import sys
import time
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any, TypeVar

import brokerpro_models as models
import pytest
from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)
EXCHANGE = "/api/exchange/api/v1"


class Broker:
    def __init__(self, base: str) -> None:
        self.base = base
        self.token = ""

    def get(self, path: str, answer: type[M]) -> M:
        return self._read("GET", path, answer, None)

    def post(self, path: str, body: BaseModel, answer: type[M]) -> M:
        return self._read("POST", path, answer, body)

    def pages(self, path: str, answer: type[Any]) -> list[Any]:
        found: list[Any] = []
        address: str | None = f"{self.base}{path}"
        while address is not None:
            page = self.get(address.removeprefix(self.base), answer)
            found += page.results
            address = None if page.next is None else str(page.next)
        return found

    def _read(self, method: str, path: str, answer: type[M], body: BaseModel | None) -> M:
        request = urllib.request.Request(f"{self.base}{path}", method=method)  # noqa: S310
        if body is not None:
            request.data = body.model_dump_json(exclude_unset=True).encode()
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request) as response:  # noqa: S310 - the server under test
            text = response.read()
        read = answer.model_validate_json(text)
        assert_same(json.loads(read.model_dump_json(exclude_unset=True)), json.loads(text))
        return read


def assert_same(written: Any, answered: Any, at: str = "") -> None:
    """What the models say is what was answered; a time may be written in another way."""
    if isinstance(answered, dict):
        # Of a leg, which has none, the legs are sent too.
        assert set(written) == set(answered) - ({"legs"} if "legs" not in written else set()), at
        for name in written:
            assert_same(written[name], answered[name], f"{at}.{name}")
    elif isinstance(answered, list):
        assert len(written) == len(answered), at
        for number, (one, other) in enumerate(zip(written, answered, strict=True)):
            assert_same(one, other, f"{at}.{number}")
    elif isinstance(answered, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", answered):
        assert Decimal(written) == Decimal(answered), at  # 0.00000001 comes out as 1E-8
    elif not at.endswith(("_at", "time", "timestamp", "start", "end")):
        assert written == answered, at


def main(base: str) -> None:
    broker = Broker(base)
    broker.get(f"{EXCHANGE}/status/", models.Status)
    tokens = broker.post(
        "/api/auth/register/",
        models.RegisterRequest(
            email=f"{secrets.token_hex(6)}@example.com", password="a horse, a staple"
        ),
        models.Tokens,
    )
    broker.token = tokens.access_token
    account = broker.post(
        "/api/banking/accounts/",
        models.LinkBankAccountRequest(
            account_holder="Dora Data",
            bank_name="First Example Bank",
            account_type="checking",
            account_number=str(4_400_000_000 + secrets.randbelow(10**9)),
            routing_number="021000021",
        ),
        models.BankAccount,
    )
    deposit = broker.post(
        "/api/banking/transactions/",
        models.NewBankTransactionRequest(account=account.id, type="deposit", amount="10000.00"),
        models.BankTransaction,
    )
    assert deposit.amount == Decimal("10000.00")

    order = broker.post(
        f"{EXCHANGE}/orders/",
        models.OrderRequest(symbol="AAPL", side="buy", order_type="market", quantity="1.5"),
        models.Order,
    )
    while order.status.value in ("accepted", "new"):  # waits for a fresh quote
        time.sleep(0.2)
        order = broker.get(f"{EXCHANGE}/orders/{order.id}/", models.Order)
    assert (order.status.value, order.quantity) == ("filled", Decimal("1.5"))
    bracket = broker.post(
        f"{EXCHANGE}/orders/",
        models.OrderRequest(
            symbol="AAPL",
            side="buy",
            order_type="limit",
            quantity="1",
            limit_price="1.00",
            order_class="bracket",
            take_profit={"limit_price": "900.00"},
            stop_loss={"stop_price": "0.50"},
        ),
        models.Order,
    )
    assert len(bracket.legs) == 2

    found = broker.pages(f"{EXCHANGE}/orders/?page_size=1", models.PaginatedOrderList)
    assert {each.id for each in found} >= {order.id, bracket.id}
    instruments = broker.pages(
        f"{EXCHANGE}/market-data/?page_size=2", models.PaginatedInstrumentWithQuoteList
    )
    assert any(each.bond for each in instruments)
    assert all(each.quote.bid < each.quote.ask for each in instruments)

    for path, answer in {
        f"{EXCHANGE}/orders/{order.id}/": models.Order,
        f"{EXCHANGE}/executions/": models.PaginatedOrderExecutionList,
        f"{EXCHANGE}/market-data/supported_symbols/": models.SupportedSymbols,
        f"{EXCHANGE}/market-data/current_prices/": models.CurrentPrices,
        f"{EXCHANGE}/market-data/AAPL/?interval=1m": models.Candles,
        f"{EXCHANGE}/market-data/AAPL/book/": models.Book,
        f"{EXCHANGE}/market-data/statistics/?symbol=AAPL": models.Statistics,
        "/api/auth/me/": models.User,
        "/api/auth/sessions/": models.PaginatedSessionList,
        "/api/banking/accounts/": models.PaginatedBankAccountList,
        f"/api/banking/accounts/{account.id}/": models.BankAccount,
        "/api/banking/transactions/": models.PaginatedBankTransactionList,
        f"/api/banking/transactions/{deposit.id}/": models.BankTransaction,
        "/api/banking/balances/": models.Balances,
        "/api/banking/statement/": models.PaginatedStatementLineList,
        "/api/portfolio/holdings/": models.Holdings,
        "/api/portfolio/lots/": models.PaginatedLotList,
        "/api/portfolio/realized/": models.PaginatedSaleList,
        "/api/portfolio/allocation/": models.Allocation,
        "/api/portfolio/performance/": models.Performance,
        "/api/portfolio/contribution/": models.Contribution,
    }.items():
        broker.get(path, answer)

    with pytest.raises(urllib.error.HTTPError) as refusal:
        broker.get(f"{EXCHANGE}/orders/{account.id}/", models.Order)
    assert models.Problem.model_validate_json(refusal.value.read()).code == "not_found"


if __name__ == "__main__":
    main(sys.argv[1])
