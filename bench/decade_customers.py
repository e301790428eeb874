"""python -m bench.decade_customers FILE: customers who have traded for ten years, on PostgreSQL.

It migrates the database of DATABASE_URL and makes twenty stocks with daily closes, and a customer
for each number of executions in TIMES. All have the same 120 deposits, and all trade evenly: each
share that is bought is sold by the next execution, but for one of each stock in the end. Rows are
written by SQL, as trades and deposits would have left them; the books balance. FILE gets the access
tokens as JSON, by the number of executions.
"""

import json
import os
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from banking import ledger  # noqa: E402
from banking.models import HouseAccount  # noqa: E402
from banking.rules.assets import USD  # noqa: E402
from be.kernel.identifiers import uuid7  # noqa: E402
from exchange.models import Instrument, Order, Quote  # noqa: E402

TIMES = (100, 1_000, 10_000, 100_000)
YEARS = timedelta(days=3650)
STOCKS, DEPOSITS = 20, 120
PRICE = Decimal("100.00")

CANDLES = """
INSERT INTO exchange_candle (instrument_id, interval, time, open, high, low, close, volume)
SELECT instrument.id, '1d', day, price, price, price, price, 1000 FROM (
    SELECT day, 100 + round(5 * sin(row_number() OVER (ORDER BY day) / 40.0)::numeric, 2) AS price
    FROM generate_series(%(start)s, %(end)s, interval '1 day') AS day) AS days
CROSS JOIN exchange_instrument instrument
"""
# Trades and deposits in the order of their time, as they would have been booked: what each moves,
# and its ids.
BOOKED = """
CREATE TEMPORARY TABLE booked ON COMMIT DROP AS
SELECT *, gen_random_uuid() AS reference,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || substr(md5(random()::text), 1, 20))::uuid AS id,
    (SELECT coalesce(max(id), 0) FROM banking_journalentry)
        + row_number() OVER (ORDER BY at, number) AS entry_id
FROM (
    SELECT 'deposit' AS kind, number, %(start)s + number * %(length)s / %(deposits)s AS at,
        NULL AS stock, 0 AS units, %(deposit)s AS cents
    FROM generate_series(0, %(deposits)s - 1) AS number
    UNION ALL SELECT 'trade', number, %(start)s + number * %(length)s / %(times)s,
        CASE WHEN is_last THEN number - (%(times)s - %(open)s)
            ELSE (number - 1) / 2 %% %(open)s + 1 END,
        CASE WHEN is_last OR number %% 2 = 1 THEN 1 ELSE -1 END * %(unit)s,
        CASE WHEN is_last OR number %% 2 = 1 THEN -1 ELSE 1 END * (10000 + number %% 50)
    FROM generate_series(1, %(times)s) AS number
    CROSS JOIN LATERAL (SELECT number > %(times)s - %(open)s AS is_last) AS place
) AS moved
"""
ENTRIES = """
INSERT INTO banking_journalentry (id, kind, reference, created_at)
SELECT entry_id, kind, reference, at FROM booked ORDER BY entry_id
"""
POSTINGS = """
INSERT INTO banking_posting (entry_id, account_id, owner_id, bucket, units, created_at)
SELECT booked.entry_id, account.id, account.owner_id, 'available', line.units, booked.at
FROM booked CROSS JOIN LATERAL (VALUES
    ('USD', true, cents), ('USD', false, -cents),
    ('S' || stock, true, booked.units), ('S' || stock, false, -booked.units)
) AS line (asset, is_hers, units)
JOIN banking_ledgeraccount account ON account.asset = line.asset AND CASE WHEN line.is_hers
    THEN account.owner_id = %(owner)s
    ELSE account.house = CASE kind WHEN 'trade' THEN 'market' ELSE 'bank_clearing' END END
ORDER BY booked.entry_id
"""
FLOW_VALUES = """
INSERT INTO portfolio_flowvalue (entry_id, equity_cents, prices)
SELECT entry_id, number * %(deposit)s, (SELECT jsonb_object_agg(symbol, '100.00')
    FROM exchange_instrument) FROM booked WHERE kind = 'deposit'
"""
EXECUTIONS = """
INSERT INTO exchange_execution (id, order_id, owner_id, trade_id, price, accrued_interest, quantity,
    cents, fee_cents, liquidity, executed_at)
SELECT booked.id, placed.id, %(owner)s, reference, abs(cents) / 100.0, 0, %(unit)s, abs(cents), 0,
    'taker', at
FROM booked JOIN exchange_instrument instrument ON instrument.symbol = 'S' || stock
JOIN exchange_order placed ON placed.owner_id = %(owner)s AND placed.instrument_id = instrument.id
    AND placed.side = CASE WHEN cents < 0 THEN 'buy' ELSE 'sell' END
"""
SEQUENCE = """
SELECT setval(pg_get_serial_sequence('banking_journalentry', 'id'), max(id))
FROM banking_journalentry
"""
BALANCES = """
UPDATE banking_ledgeraccount account SET available = line.units FROM (
    SELECT account_id, sum(units) AS units FROM banking_posting GROUP BY account_id) AS line
WHERE line.account_id = account.id AND account.owner_id IS NOT NULL
"""


def main(path: str) -> None:
    call_command("migrate", verbosity=0)
    now = timezone.now()
    start = now - YEARS
    stocks = [_stock(f"S{number}", now) for number in range(1, STOCKS + 1)]
    _execute(CANDLES, {"start": start - timedelta(days=10), "end": now})
    tokens = {}
    for times in TIMES:
        user = User.objects.create(email=f"trades{times}@example.com")
        with transaction.atomic():
            _book(user, stocks, times, start)
        opened = sessions.open_session(user=user, user_agent="", ip_address=None, now=now)
        tokens[times] = opened.access_token
    _execute(BALANCES, {})
    _execute("VACUUM ANALYZE", {})
    Path(path).write_text(json.dumps(tokens))


def _stock(symbol: str, now: datetime) -> Instrument:
    cent = Decimal("0.01")
    stock = Instrument.objects.create(
        id=uuid7(now),
        symbol=symbol,
        name=symbol,
        asset_class="stock",
        scale=8,
        price_increment=cent,
        quantity_increment=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
    )
    prices = dict.fromkeys(("price", "bid", "previous_close", "open", "high", "low"), PRICE)
    sizes = dict.fromkeys(("bid_size", "ask_size", "volume"), 10**12)
    Quote.objects.create(
        instrument=stock,
        ask=PRICE + cent,
        session_date=now.date(),
        timestamp=now,
        sequence=1,
        **prices,
        **sizes,
    )
    return stock


def _book(user: User, stocks: list[Instrument], times: int, start: datetime) -> None:
    for role in (HouseAccount.BANK_CLEARING, HouseAccount.MARKET):
        ledger.house_account(role, USD)
    ledger.account_of(user.pk, USD)
    for stock in stocks:
        ledger.account_of(user.pk, stock.asset)
        ledger.house_account(HouseAccount.MARKET, stock.asset)
        for side in ("buy", "sell"):
            _order(user.pk, stock, side, start)
    values = {
        "owner": user.pk,
        "times": times,
        "open": len(stocks),
        "deposits": DEPOSITS,
        "deposit": 10_000_000,
        "start": start,
        "length": YEARS - timedelta(days=1),
        "unit": 10 ** stocks[0].scale,
    }
    for statement in (BOOKED, ENTRIES, POSTINGS, EXECUTIONS, FLOW_VALUES):
        _execute(statement, values)
    _execute(SEQUENCE, {})


def _order(owner_id: UUID, stock: Instrument, side: str, at: datetime) -> None:
    Order.objects.create(
        id=uuid7(at),
        owner_id=owner_id,
        instrument=stock,
        side=side,
        order_type="market",
        time_in_force="day",
        quantity=10**stock.scale,
        filled_quantity=10**stock.scale,
        status="filled",
        created_at=at,
        updated_at=at,
        filled_at=at,
    )


def _execute(sql: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


if __name__ == "__main__":
    main(sys.argv[1])
