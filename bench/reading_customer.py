"""python -m bench.reading_customer FILE: a seeded market, and a signed-in customer who reads.

It migrates and seeds the database of DATABASE_URL, with the demo customer's year of trades, and
writes the access token to FILE. BENCH_ORDERS more orders are placed for her, and with
BENCH_INSTRUMENTS the market has so many instruments: copies of the seeded ones, of their quotes and
of their corporate actions, so that none is due.
"""

import os
import sys
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from exchange.corporate import processing  # noqa: E402
from exchange.models import Instrument, OrderType, Side  # noqa: E402
from exchange.trading import orders  # noqa: E402
from exchange.trading.intake.requests import OrderRequest  # noqa: E402

MORE_ORDERS = int(os.environ.get("BENCH_ORDERS", "200"))
INSTRUMENTS = int(os.environ.get("BENCH_INSTRUMENTS", "0"))


def main(path: str) -> None:
    call_command("migrate", verbosity=0)
    call_command("seed_market", verbosity=0)
    _copy_instruments()
    now = timezone.now()
    user = User.objects.get(email=settings.DEMO_EMAIL)
    for number in range(MORE_ORDERS):
        side = Side.SELL if number % 2 else Side.BUY
        request = OrderRequest("AAPL", side, OrderType.MARKET, Decimal("0.01"))
        orders.place(owner_id=user.pk, request=request, now=now)
    tokens = sessions.open_session(user=user, user_agent="", ip_address=None, now=now)
    Path(path).write_text(tokens.access_token)


def _copy_instruments() -> None:
    processing.run(now=timezone.now())
    seeded = (
        Instrument.objects.select_related("bond", "quote")
        .prefetch_related("corporate_actions")
        .order_by("symbol")
    )
    instruments: list[Instrument] = []
    bonds, quotes, actions = [], [], []
    for number, original in enumerate(islice(cycle(seeded), max(INSTRUMENTS - len(seeded), 0))):
        made = _copy(original, id=uuid4(), symbol=f"{original.symbol[:12]}.{number}")
        instruments.append(made)
        quotes.append(_copy(original.quote, instrument=made))
        actions += [
            _copy(action, id=uuid4(), instrument=made)
            for action in original.corporate_actions.all()
        ]
        if original.is_bond:
            bonds.append(_copy(original.bond, instrument=made))
    for rows in (instruments, bonds, quotes, actions):
        if rows:
            type(rows[0]).objects.bulk_create(rows, batch_size=1000)


def _copy(row: Any, **changes: object) -> Any:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    for name in changes:
        values.pop(row._meta.get_field(name).attname)
    return type(row)(**values, **changes)


if __name__ == "__main__":
    main(sys.argv[1])
