"""python -m bench.grown_customers FILE: customers with 1, 10 and 100 times the demo's past.

All that the demo customer has done is copied so many times for each of them, row by row and at the
same moments. What holds for one past holds for the sum of many, so the books balance
(`manage.py check_ledger`). Before that she has orders that rest, and some that are canceled. FILE
gets the access tokens as JSON, by the number of times. PostgreSQL only.
"""

import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.conf import settings  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from banking.models import (  # noqa: E402
    BankAccount,
    BankTransaction,
    Hold,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from exchange.models import Execution, Order, OrderFeed, OrderType, Side, TimeInForce  # noqa: E402
from exchange.trading import orders  # noqa: E402
from exchange.trading.intake.requests import OrderRequest  # noqa: E402
from portfolio.models import FlowValue  # noqa: E402

TIMES = (1, 10, 100)
RESTING = 60

# The id of a copy: it sorts where the original does, and says nothing of what it was copied from.
ID_OF_COPY = """
CREATE FUNCTION pg_temp.copy_of(original uuid, owner uuid, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
SELECT (left(replace(original::text, '-', ''), 17)
    || left(md5(original::text || owner::text || number::text), 15))::uuid
$$
"""
COPIED_ENTRIES = """
CREATE TEMPORARY TABLE copied_entry ON COMMIT DROP AS
SELECT old.id AS old_id, number, (SELECT max(id) FROM banking_journalentry)
    + row_number() OVER (ORDER BY old.id, number) AS new_id
FROM (SELECT DISTINCT entry_id AS id FROM banking_posting WHERE owner_id = %(demo)s) AS old
CROSS JOIN generate_series(1, %(times)s) AS number
"""
# Between the rows of an entry and its copies.
ENTRY = "JOIN copied_entry copied ON copied.old_id = old.entry_id"
# Between a row of one of her accounts, and the copy's account of the same asset.
ACCOUNT = """
JOIN banking_ledgeraccount hers ON hers.id = old.account_id
LEFT JOIN banking_ledgeraccount own
    ON own.owner_id = %(owner)s AND own.asset = hers.asset AND hers.owner_id = %(demo)s
"""
NUMBERED = "CROSS JOIN generate_series(1, %(times)s) AS copied (number)"
ONCE = "CROSS JOIN generate_series(1, 1) AS copied (number)"
# Before each of the deposits that the copies make at one moment, those before it are there.
EQUITY = """
old.equity_cents * %(times)s + (copied.number - 1) * (
    SELECT coalesce(sum(line.units), 0) FROM banking_posting line
    JOIN banking_ledgeraccount account ON account.id = line.account_id
    WHERE line.entry_id = old.entry_id AND line.owner_id = %(demo)s AND account.asset = 'USD')
"""


def main(path: str) -> None:
    now = timezone.now()
    demo = User.objects.get(email=settings.DEMO_EMAIL)
    for number in range(2 * RESTING):
        order = orders.place(owner_id=demo.pk, request=_far_below(), now=now)
        if number % 2:
            orders.cancel(owner_id=demo.pk, order_id=order.pk, now=now)
    tokens = {}
    for times in TIMES:
        user = User.objects.create(email=f"times{times}@example.com")
        with transaction.atomic():
            _copy_past(demo, user, times)
        opened = sessions.open_session(user=user, user_agent="", ip_address=None, now=now)
        tokens[times] = opened.access_token
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    Path(path).write_text(json.dumps(tokens))


def _far_below() -> OrderRequest:
    return OrderRequest(
        symbol="AAPL",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal("0.01"),
        limit_price=Decimal("1.00"),
        time_in_force=TimeInForce.GTC,
    )


def _copy_past(demo: User, user: User, times: int) -> None:
    values: dict[str, Any] = {"demo": demo.pk, "owner": user.pk, "times": times}
    with connection.cursor() as cursor:
        # Foreign keys are not checked row by row, which would take most of the time.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DROP FUNCTION IF EXISTS pg_temp.copy_of")
        cursor.execute(ID_OF_COPY)
        cursor.execute(COPIED_ENTRIES, values)
        for statement in _statements():
            cursor.execute(statement, values)
        for model in (JournalEntry, Posting):
            table = model._meta.db_table
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, max(id)) FROM {table}")  # noqa: S608


def _statements() -> list[str]:
    """Each copies one table, after those that its rows refer to."""
    id_of_copy = "pg_temp.copy_of(old.{}, %(owner)s, copied.number)".format
    mine = {"owner_id": "%(owner)s"}
    own = {**mine, "id": id_of_copy("id")}
    hers = "old.owner_id = %(demo)s"
    return [
        _copy(
            LedgerAccount,
            ONCE,
            {**mine, **{name: f"old.{name} * %(times)s" for name in ("available", "held")}},
            where=hers,
        ),
        _copy(BankAccount, ONCE, own, where=hers),
        _copy(
            BankTransaction,
            NUMBERED,
            {**own, "account_id": "pg_temp.copy_of(old.account_id, %(owner)s, 1)"},
            where=hers,
        ),
        _copy(Order, NUMBERED, own, where=hers),
        _copy(
            Execution,
            NUMBERED,
            {**own, **{name: id_of_copy(name) for name in ("order_id", "trade_id")}},
            where=hers,
        ),
        _copy(OrderFeed, ONCE, {**mine, "sequence": "old.sequence * %(times)s"}, where=hers),
        _copy(
            Hold,
            ACCOUNT + NUMBERED,
            {"id": own["id"], "account_id": "own.id", "reference": id_of_copy("reference")},
            where="hers.owner_id = %(demo)s",
        ),
        _copy(
            JournalEntry,
            "JOIN copied_entry copied ON copied.old_id = old.id",
            {"id": "copied.new_id", "reference": id_of_copy("reference")},
            order="copied.new_id",
        ),
        _copy(
            Posting,
            ENTRY + ACCOUNT,
            {
                "entry_id": "copied.new_id",
                "account_id": "coalesce(own.id, old.account_id)",
                "owner_id": "own.owner_id",
            },
            order="copied.new_id, old.id",
        ),
        _copy(FlowValue, ENTRY, {"entry_id": "copied.new_id", "equity_cents": EQUITY}),
    ]


def _copy(
    model: type[models.Model],
    joined: str,
    changed: dict[str, str],
    *,
    where: str = "TRUE",
    order: str = "1",
) -> str:
    """The statement that copies rows, with other values in some columns.

    A number that the database gives to each row is left to it.
    """
    fields: list[Any] = [
        field
        for field in model._meta.concrete_fields
        if field.column in changed or not isinstance(field, models.AutoField)
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(changed.get(field.column, f'old."{field.column}"') for field in fields)
    return (
        f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {values} "  # noqa: S608
        f"FROM {model._meta.db_table} old {joined} WHERE {where} ORDER BY {order}"
    )


if __name__ == "__main__":
    main(sys.argv[1])
