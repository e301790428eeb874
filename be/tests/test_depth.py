"""A page of a list costs the same at any depth: PostgreSQL's own count of what it had to read.

Alice has 20,000 rows in every list, and Bob as many that are newer; what a page of hers reads may
depend on neither.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from be.database import statements
from be.kernel.formats import time_text
from exchange.tests import market

ROWS = 20_000
PAGE = 50
# A page has 50 rows, each a few index pages and a table page away, in up to five tables. Without an
# index for the list it is 60,000 and more.
MOST_BLOCKS = 2_000

ORDERS = """
INSERT INTO exchange_order (id, owner_id, instrument_id, side, order_type, time_in_force, quantity,
    client_order_version, limit_price, armed, order_class, maker_fee_bps, taker_fee_bps, status,
    filled_quantity, reject_reason, created_at, updated_at)
SELECT lpad(to_hex(n + %(before)s), 32, '0')::uuid, %(owner)s, %(instrument)s, 'buy',
    'limit', 'gtc', 1, 0, 1, false, 'simple', 0, 0, CASE WHEN n %% 100 = 0
    THEN 'new' ELSE 'canceled' END, 0, '', now(), now()
FROM generate_series(1, %(rows)s) AS n
"""
EXECUTIONS = """
INSERT INTO exchange_execution (id, order_id, owner_id, trade_id, price, accrued_interest, quantity,
    cents, fee_cents, liquidity, executed_at)
SELECT id, id, owner_id, gen_random_uuid(), 1, 0, 1, 1, 0, 'taker', now()
FROM exchange_order WHERE owner_id = %(owner)s
"""
ENTRY = """
INSERT INTO banking_journalentry (kind, reference, created_at)
VALUES ('deposit', gen_random_uuid(), now()) RETURNING id
"""
POSTINGS = """
INSERT INTO banking_posting (entry_id, account_id, owner_id, bucket, units, created_at)
SELECT %(entry)s, account.id, account.owner_id, 'available', 1,
    %(now)s + n * interval '1 minute'
FROM generate_series(1, %(rows)s) AS n, banking_ledgeraccount account
WHERE account.owner_id = %(owner)s
"""
BANK_TRANSACTIONS = """
INSERT INTO banking_banktransaction (id, owner_id, account_id, type, cents, status, failure_reason,
    created_at)
SELECT lpad(to_hex(n + %(before)s), 32, '0')::uuid, %(owner)s, %(account)s, 'deposit',
    1, 'completed', '', now()
FROM generate_series(1, %(rows)s) AS n
"""
BANK_ACCOUNT = """
INSERT INTO banking_bankaccount (id, owner_id, account_holder, bank_name, account_type,
    account_number_encrypted, account_number_fingerprint, account_number_last4, routing_number,
    status, created_at)
VALUES (gen_random_uuid(), %(owner)s, 'x', 'x', 'checking', '', md5(random()::text), '0000', '',
    'verified', now())
RETURNING id
"""
LISTS = {
    "/api/exchange/api/v1/orders/": "exchange_order",
    "/api/exchange/api/v1/orders/?status=open": "exchange_order",
    "/api/exchange/api/v1/orders/?status=closed": "exchange_order",
    "/api/exchange/api/v1/executions/": "exchange_execution",
    "/api/banking/statement/": "banking_posting",
    "/api/banking/transactions/": "banking_banktransaction",
}


INSTRUMENT_LIST = "/api/exchange/api/v1/market-data/"


@pytest.fixture
def postgresql(db: None, is_postgresql: bool) -> None:
    if not is_postgresql:
        pytest.skip("SQLite does not count what it reads")


@pytest.fixture
def alice(postgresql: None) -> User:
    instrument = market.make_instrument("AAPL")
    market.set_quote(instrument)
    alice, bob = (market.make_customer(f"{name}@example.com") for name in ("alice", "bob"))
    with connection.cursor() as cursor:
        for table in {*LISTS.values()}:
            cursor.execute(f"REINDEX TABLE {table}")  # without what earlier tests have taken back
        for before, owner in ((0, alice), (ROWS, bob)):
            market.give(owner, instrument.asset, "1")
            values: dict[str, Any] = {
                "owner": owner.pk,
                "instrument": instrument.pk,
                "rows": ROWS,
                "before": before,
                "now": market.NOW,
            }
            for name, text in (("entry", ENTRY), ("account", BANK_ACCOUNT)):
                cursor.execute(text, values)
                values[name] = cursor.fetchone()[0]
            for text in (ORDERS, EXECUTIONS, POSTINGS, BANK_TRANSACTIONS):
                cursor.execute(text, values)
        for table in {*LISTS.values(), "banking_journalentry"}:
            cursor.execute(f"ANALYZE {table}")
    return alice


@contextmanager
def watched() -> Iterator[list[tuple[str, Sequence[Any]]]]:
    seen: list[tuple[str, Sequence[Any]]] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params or ()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield seen


def blocks_read(sql: str, params: Sequence[Any]) -> int:
    """How many blocks PostgreSQL looks at for a statement, in memory or not."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
    if re.search(r"\$1\b", sql):
        answer = statements.execute(explain, params)[0][0]
    else:
        with connection.cursor() as cursor:
            cursor.execute(explain, params)
            answer = cursor.fetchone()[0]
    (plan,) = json.loads(answer) if isinstance(answer, str) else answer
    return int(plan["Plan"]["Shared Hit Blocks"]) + int(plan["Plan"]["Shared Read Blocks"])


def cost_of(client: APIClient, url: str) -> int:
    with watched() as seen:
        answer = client.get(url)
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["results"]) == PAGE
    return sum(blocks_read(*each) for each in seen if each[0].lstrip("( ").startswith("SELECT"))


def deep(url: str, table: str, owner: User) -> str:
    """The address of the last whole page of the list, as its cursor would lead there."""
    asset = "AND asset = 'USD'" if "asset=USD" in url else ""
    own = f"account_id IN (SELECT id FROM banking_ledgeraccount WHERE owner_id = %s {asset})"  # noqa: S608
    condition = own if table == "banking_posting" else "owner_id = %s"
    if "status" in url:
        condition += f" AND status {'=' if 'open' in url else '<>'} 'new'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {table} WHERE {condition} ORDER BY id DESC",  # noqa: S608
            [owner.pk],
        )
        keys = [key for (key,) in cursor.fetchall()]
    cursor_text = b64encode(urlencode({"p": keys[-PAGE - 1]}).encode()).decode()
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'cursor': cursor_text})}"


def test_every_list_costs_the_same_at_any_depth(alice: User):
    client = signed_in_client(alice)
    for url, table in LISTS.items():
        first, last = cost_of(client, url), cost_of(client, deep(url, table, alice))
        assert last <= first * 1.2 + 10, (url, first, last)
        assert max(first, last) < MOST_BLOCKS, (url, first, last)


def test_the_rows_of_others_are_not_looked_at_where_ones_own_end(alice: User):
    # Half of all rows are Bob's, so that the primary key might lead to his next one soon. Below his
    # last page, which is not filled with one row more, there are none but Alice's.
    bob = User.objects.get(email="bob@example.com")
    client = signed_in_client(bob)
    statement = "/api/banking/statement/?asset=USD"
    for url, table in (*LISTS.items(), (statement, "banking_posting")):
        first, last = cost_of(client, url), cost_of(client, deep(url, table, bob))
        assert last <= first * 1.2 + 10, (url, first, last)


# The index of 20,000 rows, of half-filled blocks since it was filled downwards: all that may be
# looked at to pass them over.
INDEX_BLOCKS = 450


def test_lines_of_other_times_are_passed_over_in_the_index(alice: User):
    client = signed_in_client(alice)
    last = market.NOW + timedelta(minutes=ROWS)
    for asset in ("", "&asset=USD"):
        first = cost_of(client, f"/api/banking/statement/?{asset}")
        # No page is filled before all the newer or all the older lines were looked at.
        far_back = {"end": market.NOW + timedelta(minutes=PAGE + 1)}
        just_now = {"start": last - timedelta(minutes=PAGE - 1)}
        for times in (far_back, just_now):
            query = urlencode({name: time_text(at) for name, at in times.items()})
            cost = cost_of(client, f"/api/banking/statement/?{query}{asset}")
            assert cost <= first * 1.2 + INDEX_BLOCKS, (query, asset, first, cost)


RARE_ORDERS = """
UPDATE exchange_order SET status = 'rejected', side = 'sell', instrument_id = %(rare)s,
    updated_at = updated_at + interval '1 day'
WHERE owner_id = %(owner)s AND id <= lpad(to_hex(%(rows)s), 32, '0')::uuid
"""
RARE_TRANSACTIONS = """
UPDATE banking_banktransaction SET status = 'failed', type = 'withdrawal', account_id = %(rare)s
WHERE owner_id = %(owner)s AND id <= lpad(to_hex(%(rows)s), 32, '0')::uuid
"""


def test_rows_that_a_filter_leaves_out_are_passed_over_in_the_index(alice: User):
    rare = market.make_instrument("RARE")
    with connection.cursor() as cursor:
        cursor.execute(BANK_ACCOUNT, {"owner": alice.pk})
        account = cursor.fetchone()[0]
        for text, key in ((RARE_ORDERS, rare.pk), (RARE_TRANSACTIONS, account)):
            cursor.execute(text, {"owner": alice.pk, "rare": key, "rows": PAGE})
        # The statistics are of every row: of a sample, rare rows may seem to be many or none.
        cursor.execute("SET LOCAL default_statistics_target = 1000")
        for table in ("exchange_order", "banking_banktransaction"):
            cursor.execute(f"ANALYZE {table}")
        # Half of all rows here are hers, so that PostgreSQL might as well read the whole table.
        for way in ("seqscan", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    tomorrow = time_text(timezone.now() + timedelta(hours=12))
    client = signed_in_client(alice)
    for url, filters in (
        (
            "/api/exchange/api/v1/orders/",
            {"status": "rejected", "side": "sell", "symbol": "RARE", "updated_since": tomorrow},
        ),
        (
            "/api/banking/transactions/",
            {"status": "failed", "type": "withdrawal", "account": str(account)},
        ),
    ):
        first = cost_of(client, url)
        for name, value in filters.items():
            cost = cost_of(client, f"{url}?{urlencode({name: value})}")
            # Orders that ended without being filled have an index of their own.
            passed_over = 10 if value == "rejected" else INDEX_BLOCKS
            assert cost <= first * 1.2 + passed_over, (url, name, first, cost)


INSTRUMENTS = """
INSERT INTO exchange_instrument (id, symbol, name, asset_class, currency, scale, price_increment,
    quantity_increment, min_quantity, tradable, status)
SELECT lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n), 5, '0'), '',
    CASE WHEN n > 4000 THEN 'etf' ELSE 'stock' END, 'USD', 6, 0.01, 0.000001, 0.000001, true,
    'active'
FROM generate_series(1, 8000) AS n ORDER BY md5(n::text)
"""


@pytest.mark.usefixtures("postgresql")
def test_instruments_of_other_classes_are_not_looked_at():
    client, url = signed_in_client(market.make_customer("alice@example.com")), INSTRUMENT_LIST
    with connection.cursor() as cursor:
        cursor.execute(INSTRUMENTS)
        cursor.execute("ANALYZE exchange_instrument")
    first = cost_of(client, f"{url}?page_size={PAGE}")
    for more in ("", "&cursor=" + b64encode(b"p=01e00").decode()):
        cost = cost_of(client, f"{url}?page_size={PAGE}&asset_class=etf{more}")
        assert cost <= first * 1.2 + 10, (more, first, cost)


MANY_ACCOUNTS = """
INSERT INTO banking_ledgeraccount (owner_id, house, asset, scale, available, held)
SELECT %s, '', 'X' || n, 6, 1, 0 FROM generate_series(1, 2000) AS n
"""
POSTING_OF_EACH = """
INSERT INTO banking_posting (entry_id, account_id, owner_id, bucket, units, created_at)
SELECT (SELECT max(id) FROM banking_journalentry), id, owner_id, 'available', 1, now()
FROM banking_ledgeraccount WHERE owner_id = %s AND asset LIKE 'X%%'
"""


def test_a_statement_costs_the_same_for_any_number_of_assets(alice: User):
    client, url = signed_in_client(alice), "/api/banking/statement/"
    few = cost_of(client, url)
    with connection.cursor() as cursor:
        for text in (MANY_ACCOUNTS, POSTING_OF_EACH):
            cursor.execute(text, [alice.pk])
        for table in ("banking_posting", "banking_ledgeraccount"):
            cursor.execute(f"ANALYZE {table}")
    many, last = cost_of(client, url), cost_of(client, deep(url, "banking_posting", alice))
    # The lines of a page are now of as many accounts: an account more is read for each.
    assert many <= few * 1.2 + 4 * PAGE, (few, many)
    assert last <= few * 1.2 + 4 * PAGE, (few, last)
