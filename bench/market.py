"""python -m bench.market FILE: a market on PostgreSQL for the servers that are compared.

It migrates the database of DATABASE_URL, lists instruments, signs customers in, and writes a
`Scene` to FILE, for the load generator and the servers.
"""

import os
import pickle  # nosec B403  # writes and reads files of its own
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from banking import ledger  # noqa: E402
from banking.models import EntryKind, HouseAccount  # noqa: E402
from banking.rules.assets import USD  # noqa: E402
from bench.order_statements import FIRST_ACCOUNT, record  # noqa: E402
from bench.scene import Customer, Scene  # noqa: E402
from exchange.models import Instrument, OrderType, Quote, Side  # noqa: E402
from exchange.trading import orders  # noqa: E402
from exchange.trading.intake.requests import OrderRequest  # noqa: E402

CUSTOMERS = 8
ENDLESS = 10**15


def main(path: str) -> None:
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE banking_ledgeraccount ALTER COLUMN id RESTART WITH {FIRST_ACCOUNT}"
        )
    now = timezone.now()
    customers = [_customer(f"BENCH{number}", now) for number in range(CUSTOMERS)]
    first = customers[0]
    recording = record(owner_id=first.owner_id, token=first.token, symbol=first.symbol)
    Path(path).write_bytes(pickle.dumps(Scene(customers, recording)))


def _customer(symbol: str, now: datetime) -> Customer:
    _instrument(symbol, now)
    user = User.objects.create(email=f"{uuid4().hex}@example.com")
    ledger.post(
        kind=EntryKind.DEPOSIT,
        reference=uuid4(),
        lines=[
            ledger.Line(ledger.account_of(user.pk, USD), ENDLESS),
            ledger.Line(ledger.house_account(HouseAccount.BANK_CLEARING, USD), -ENDLESS),
        ],
        at=now,
    )
    # A first order opens the accounts. That happens once and is not measured.
    orders.place(
        owner_id=user.pk,
        request=OrderRequest(symbol, Side.BUY, OrderType.MARKET, Decimal(1)),
        now=now,
    )
    tokens = sessions.open_session(user=user, user_agent="", ip_address=None, now=now)
    return Customer(user.pk, tokens.access_token, symbol)


def _instrument(symbol: str, now: datetime) -> None:
    instrument = Instrument.objects.create(
        id=uuid4(),
        symbol=symbol,
        name=symbol,
        asset_class="stock",
        scale=6,
        price_increment=Decimal("0.01"),
        quantity_increment=Decimal("0.000001"),
        min_quantity=Decimal("0.000001"),
    )
    bid, ask = Decimal("190.00"), Decimal("190.02")
    Quote.objects.create(
        instrument=instrument,
        price=bid,
        bid=bid,
        ask=ask,
        bid_size=ENDLESS,
        ask_size=ENDLESS,
        previous_close=bid,
        open=bid,
        high=bid,
        low=bid,
        volume=0,
        session_date=now.date(),
        timestamp=now,
        sequence=1,
    )


if __name__ == "__main__":
    main(sys.argv[1])
