"""python -m bench.reading_customer FILE: a seeded market, and a signed-in customer who reads.

It migrates and seeds the database of DATABASE_URL, with the demo customer's year of trades, and
writes the access token to FILE. BENCH_ORDERS more orders are placed for her.
"""

import os
import sys
from decimal import Decimal
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication import sessions  # noqa: E402
from authentication.models import User  # noqa: E402
from exchange.models import OrderType, Side  # noqa: E402
from exchange.trading import orders  # noqa: E402
from exchange.trading.intake.requests import OrderRequest  # noqa: E402

MORE_ORDERS = int(os.environ.get("BENCH_ORDERS", "200"))


def main(path: str) -> None:
    call_command("migrate", verbosity=0)
    call_command("seed_market", verbosity=0)
    now = timezone.now()
    user = User.objects.get(email=settings.DEMO_EMAIL)
    for number in range(MORE_ORDERS):
        side = Side.SELL if number % 2 else Side.BUY
        request = OrderRequest("AAPL", side, OrderType.MARKET, Decimal("0.01"))
        orders.place(owner_id=user.pk, request=request, now=now)
    tokens = sessions.open_session(user=user, user_agent="", ip_address=None, now=now)
    Path(path).write_text(tokens.access_token)


if __name__ == "__main__":
    main(sys.argv[1])
