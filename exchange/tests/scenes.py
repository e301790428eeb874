"""What tests with a running server do in its environment, through `LiveServer.call`."""

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from authentication import api_keys, sessions
from authentication.models import ApiKey, User
from authentication.rules.scopes import Scope
from banking.rules.assets import USD
from exchange import engine
from exchange.market import quotes
from exchange.market.rules.ticks import Round
from exchange.models import SIMULATOR, Instrument, Order, Quote, Simulator
from exchange.seeding import seeding
from exchange.streaming import publish
from exchange.tests import market
from exchange.trading import orders


def list_instruments(*, bids: dict[str, str]) -> None:
    """Instruments, each with a first quote: a cent wide, of 1000."""
    for symbol, bid in bids.items():
        asset_class = "crypto" if symbol.endswith("-USD") else "stock"
        market.set_quote(
            market.make_instrument(symbol, asset_class), bid, _ask(bid), at=timezone.now()
        )


def seed_market() -> None:
    """The whole catalogue with hardly any past: enough for a simulator to begin."""
    seeding.seed(
        now=timezone.now(), seed=1, days=2, fine_days=0, people=False, progress=seeding.NoProgress()
    )


def list_unquoted(*, symbol: str) -> None:
    """An instrument that no round has reached yet."""
    market.make_instrument(symbol)


def sign_in(*, email: str, seconds_left: int | None = None) -> dict[str, str]:
    """A session of this user, made if need be, whose access token is good for `seconds_left`."""
    user, _ = User.objects.get_or_create(email=email)
    at = timezone.now()
    if seconds_left is not None:
        at += timedelta(seconds=seconds_left) - settings.ACCESS_TOKEN_LIFETIME
    tokens = sessions.open_session(user=user, user_agent="", ip_address=None, now=at)
    return {
        "user_id": str(user.pk),
        "token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
    }


def make_api_key(
    *, email: str, scopes: list[str], addresses: list[str], seconds: float | None = None
) -> str:
    """A key of this user, made if need be, as it is sent; it lasts for so many seconds."""
    user, _ = User.objects.get_or_create(email=email)
    now = timezone.now()
    made = api_keys.make(
        user=user,
        name="bot",
        scopes={Scope(scope) for scope in scopes},
        addresses=addresses,
        expires_at=None if seconds is None else now + timedelta(seconds=seconds),
        now=now,
    )
    return f"{made.key.key_id}.{made.secret}"


def revoke_api_keys(*, email: str) -> None:
    user = User.objects.get(email=email)
    reason = api_keys.RevokeReason.BY_USER
    api_keys.revoke_all(user=user, now=timezone.now(), reason=reason)


def last_uses(*, email: str) -> list[str | None]:
    """When the keys of this user were last used."""
    used = ApiKey.objects.filter(user__email=email).values_list("last_used_at", flat=True)
    return [None if at is None else at.isoformat() for at in used]


def log_out(*, refresh_token: str) -> None:
    sessions.log_out(refresh_token=refresh_token, now=timezone.now())


def end_all_sessions(*, email: str) -> None:
    user = User.objects.get(email=email)
    sessions.end_all(user=user, now=timezone.now(), reason=sessions.EndReason.PASSWORD_CHANGED)


def hold_writes(*, seconds: float) -> None:
    """Nobody else can write to SQLite for so long."""
    with transaction.atomic():
        Instrument.objects.update(name=F("name"))
        time.sleep(seconds)


def advance(*, bids: dict[str, str]) -> int:
    """One round of the market with these prices; the sequence of the first symbol's quote."""
    ticks = [market.tick(symbol, bid, _ask(bid)) for symbol, bid in bids.items()]
    engine.advance(Round(timezone.now(), tuple(ticks)))
    return Quote.objects.get(instrument__symbol=next(iter(bids))).sequence


def advance_unheard(*, bids: dict[str, str]) -> int:
    """A round that the channel layer loses."""
    with patch.object(publish, "quotes"):
        return advance(bids=bids)


def whisper(*, symbol: str, bid: str) -> None:
    """Another bid in the database, which nothing tells of: no sequence, no round."""
    Quote.objects.filter(instrument__symbol=symbol).update(bid=Decimal(bid))


def publish_large(*, symbol: str, count: int, characters: int, after: int = 0) -> int:
    """So many quotes of this symbol, each padded to this size; the sequence of the last.

    Their sequences follow that of the quote in the database, or `after`.
    """
    rounds = Simulator.objects.get(name=SIMULATOR).rounds
    sequence = after or Quote.objects.get(instrument__symbol=symbol).sequence
    for _ in range(count):
        sequence += 1
        document = {"symbol": symbol, "sequence": sequence, "padding": "x" * characters}
        publish.quotes(sequence=rounds, documents=[document])
    return sequence


def place(*, email: str, symbol: str) -> str:
    """A limit order far below the market, of a customer who can pay for it; its id."""
    user = User.objects.get(email=email)
    market.give(user, USD, "1000")
    return str(market.place(user, symbol=symbol, limit="1.00", now=timezone.now()).pk)


def cancel(*, email: str, order_id: str) -> None:
    user = User.objects.get(email=email)
    orders.cancel(owner_id=user.pk, order_id=UUID(order_id), now=timezone.now())


def statuses(*, email: str) -> dict[str, str]:
    """Of all orders of this user, by id."""
    found = Order.objects.filter(owner__email=email).values_list("pk", "status")
    return {str(pk): status for pk, status in found}


def endow(*, email: str, dollars: str) -> None:
    market.give(User.objects.get(email=email), USD, dollars)


def alert(*, symbol: str) -> None:
    publish.alert(
        {
            "symbol": symbol,
            "severity": "high",
            "title": "Trading halted",
            "message": f"{symbol} is halted.",
            "timestamp": "2026-03-02T15:00:00.000000Z",
        }
    )


def current_quotes(*, symbols: list[str]) -> list[dict[str, Any]]:
    """As the REST API gives them."""
    return [quotes.document(quote) for quote in quotes.current(symbols)]


def _ask(bid: str) -> str:
    return str(Decimal(bid) + Decimal("0.01"))
