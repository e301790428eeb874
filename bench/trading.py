"""python -m bench.trading: the cost of orders in the domain, on the database of DATABASE_URL.

Each figure is compared, in the same turns, with the same statements sent by the driver alone, and
with a flow in plain ORM.
"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from authentication.models import User  # noqa: E402
from banking import ledger  # noqa: E402
from banking.models import EntryKind, HouseAccount  # noqa: E402
from banking.rules.assets import USD  # noqa: E402
from bench import orm_flow  # noqa: E402
from bench.cost import Rates, Work, compare  # noqa: E402
from bench.replayed_statements import Recording, record  # noqa: E402
from exchange import engine  # noqa: E402
from exchange.market.rules.ticks import Round, Tick  # noqa: E402
from exchange.models import Instrument, Order, OrderType, Quote, Side, TimeInForce  # noqa: E402
from exchange.streaming import publisher  # noqa: E402
from exchange.trading import orders, rounds  # noqa: E402
from exchange.trading.intake.requests import OrderRequest  # noqa: E402

CLIENTS = 8
ORDERS = 200
ENDLESS = 10**15
BID, ASK = Decimal("190.00"), Decimal("190.02")


def write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(sizes: Sequence[int]) -> None:
    call_command("migrate", verbosity=0)
    postgresql = connection.vendor == "postgresql"
    write(f"\n{'PostgreSQL' if postgresql else 'SQLite'}")
    write(f"{'':<46} {'a CPU-s':>9} {'with db':>9} {'a second':>9}")
    now = timezone.now()
    _instrument("ONE", now)
    _orders(now, postgresql)
    if postgresql:
        _clients(now)
    for size in sizes:
        _resting(size, now)


def show(name: str, rates: Rates) -> None:
    write(f"{name:<46} {rates.here:>9,.0f} {rates.together:>9,.0f} {rates.clock:>9,.0f}")


def ratio(name: str, rates: Rates) -> None:
    write(f"  {name:<44} {rates.here:>9.2f} {rates.together:>9.2f} {rates.clock:>9.2f}")


# One client -------------------------------------------------------------------------------------


def _orders(now: datetime, postgresql: bool) -> None:
    user = _trader(now)
    place = partial(_place, user.pk, "ONE", now)
    recording = _recording(place, user, "ONE")
    with _driver(postgresql) as raw:
        works: list[Work] = [
            partial(_times, place),
            partial(_times, partial(_replay, recording, raw)),
            partial(_times, partial(_place_in_orm, user.pk, now)),
        ]
        ours, limit, orm = compare(works, backends=backends())
    publisher.flush(timeout=10)
    show("a market order, placed and filled", ours)
    show("  the same statements by the driver alone", limit)
    show("  the flow in plain ORM", orm)
    ratio("to the driver alone", ours.to(limit))
    ratio("to plain ORM", ours.to(orm))


def _times(call: Callable[[], object]) -> int:
    for _ in range(ORDERS):
        call()
    return ORDERS


def _place(owner_id: UUID, symbol: str, now: datetime) -> Order:
    request = OrderRequest(symbol, Side.BUY, OrderType.MARKET, Decimal("0.1"))
    return orders.place(owner_id=owner_id, request=request, now=now)


def _place_in_orm(owner_id: UUID, now: datetime) -> None:
    request = OrderRequest("ONE", Side.BUY, OrderType.MARKET, Decimal("0.1"))
    orm_flow.place(owner_id=owner_id, request=request, now=now)


def _recording(place: Callable[[], object], user: User, symbol: str) -> Recording:
    place()  # opens the accounts, which happens once
    known = {user.pk.hex, Instrument.objects.get(symbol=symbol).pk.hex}
    return record(place, known=known)


def _driver(postgresql: bool) -> Any:
    """A connection without Django, with the same durability."""
    if postgresql:
        parameters = connection.get_connection_params()
        wanted = {
            name: parameters[name]
            for name in ("dbname", "user", "host", "port", "password")
            if parameters.get(name)
        }
        raw = psycopg.connect(**wanted)
        raw.execute("SET TIME ZONE 'UTC'")
        raw.commit()
        return raw
    lite = sqlite3.connect(
        settings.DATABASES["default"]["NAME"], isolation_level=None, check_same_thread=False
    )
    lite.execute("PRAGMA synchronous=FULL")
    lite.execute("PRAGMA foreign_keys=ON")
    return lite


def _replay(recording: Recording, raw: Any) -> None:
    if isinstance(raw, sqlite3.Connection):
        recording.replay_on_sqlite(raw)
    else:
        recording.replay_on_postgresql(raw)


def backends() -> list[int]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return [row[0] for row in cursor.fetchall()]


# Many clients -----------------------------------------------------------------------------------


def _clients(now: datetime) -> None:
    for symbol in (f"S{number}" for number in range(CLIENTS)):
        _instrument(symbol, now)
    users = [_trader(now) for _ in range(CLIENTS)]
    own = [partial(_place, user.pk, f"S{number}", now) for number, user in enumerate(users)]
    same = [partial(_place, user.pk, "ONE", now) for user in users]
    hot = [partial(_place, users[0].pk, f"S{number}", now) for number in range(CLIENTS)]
    recordings = [
        _recording(place, user, f"S{number}")
        for number, (place, user) in enumerate(zip(own, users, strict=True))
    ]
    with _Clients() as clients:
        raws = [_driver(True) for _ in range(CLIENTS)]
        replays = [
            partial(_replay, recording, raw)
            for recording, raw in zip(recordings, raws, strict=True)
        ]
        works: list[Work] = [partial(clients.run, calls) for calls in (own, replays, same, hot)]
        for work in works:
            work()
        apart, limit, one_symbol, one_account = compare(works, backends=backends())
        for raw in raws:
            raw.close()
    show(f"{CLIENTS} clients, each its account and instrument", apart)
    show("  the same statements by the driver alone", limit)
    ratio("to the driver alone", apart.to(limit))
    show(f"{CLIENTS} clients in one instrument", one_symbol)
    ratio("to instruments of their own", one_symbol.to(apart))
    show(f"{CLIENTS} clients of one account", one_account)
    ratio("to accounts of their own", one_account.to(apart))


class _Clients:
    """Threads that persist, each with a connection of its own, as in a server."""

    def __enter__(self) -> "_Clients":
        self._pool = ThreadPoolExecutor(CLIENTS)
        return self

    def __exit__(self, *_: object) -> None:
        list(self._pool.map(self._close, range(CLIENTS)))
        self._pool.shutdown()

    def run(self, calls: Sequence[Callable[[], object]]) -> int:
        start = threading.Barrier(len(calls))

        def work(call: Callable[[], object]) -> int:
            start.wait()
            for _ in range(ORDERS // 4):
                call()
            return ORDERS // 4

        return sum(self._pool.map(work, calls))

    def _close(self, _: int) -> None:
        connection.close()


# A tick that crosses resting orders ---------------------------------------------------------------


def _resting(size: int, now: datetime) -> None:
    """A tick crosses one in a hundred of `size` open orders: in batches, and one by one."""
    symbol = f"R{size}"
    instrument = _instrument(symbol, now)
    _rest(instrument, size, now)
    crossed = size // 100
    later = now + timedelta(seconds=1)
    seen, together = _cross(symbol, Decimal("179.50"), later, rounds.BATCH_SIZE)
    _, alone = _cross(symbol, Decimal("178.50"), later + timedelta(seconds=1), 1)
    write(f"{size:,} open orders, {crossed:,} of them crossed")
    write(f"  quotes visible after {seen * 1000:,.0f} ms; all filled after {together:.2f} s")
    write(f"  one transaction an order: {alone:.2f} s; that is {alone / together:.1f} x as long")


def _rest(instrument: Instrument, size: int, now: datetime) -> None:
    """Resting buys: one in a hundred at 180.00, as many at 179.00, the others far below."""
    users = [_trader(now) for _ in range(20)]
    requests = [(users[number % len(users)], _limit(number)) for number in range(size)]
    for start in range(0, size, 200):
        with transaction.atomic():
            for user, limit in requests[start : start + 200]:
                orders.place(
                    owner_id=user.pk,
                    request=OrderRequest(
                        instrument.symbol,
                        Side.BUY,
                        OrderType.LIMIT,
                        Decimal("0.01"),
                        limit_price=limit,
                        time_in_force=TimeInForce.GTC,
                    ),
                    now=now,
                )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _limit(number: int) -> Decimal:
    if number % 100 == 0:
        return Decimal("180.00")
    if number % 100 == 1:
        return Decimal("179.00")
    return Decimal("100.00") + Decimal(number % 5000) / 100


def _cross(symbol: str, ask: Decimal, now: datetime, batch: int) -> tuple[float, float]:
    """Record a quote, then execute the orders that it crosses; seconds until each is done."""
    tick = Tick(symbol, ask - Decimal("0.01"), ask - Decimal("0.01"), ask, *[Decimal(10**6)] * 3)
    began = time.perf_counter()
    engine._record(Round(now, (tick,)))
    seen = time.perf_counter() - began
    (instrument_id,) = engine._unworked_quotes()
    rounds.work_quote(instrument_id, now=now, batch_size=batch)
    return seen, time.perf_counter() - began


# The market ---------------------------------------------------------------------------------------


def _trader(now: datetime) -> User:
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
    return user


def _instrument(symbol: str, now: datetime) -> Instrument:
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
    Quote.objects.create(
        instrument=instrument,
        price=BID,
        bid=BID,
        ask=ASK,
        bid_size=ENDLESS,
        ask_size=ENDLESS,
        previous_close=BID,
        open=BID,
        high=BID,
        low=BID,
        volume=0,
        session_date=now.date(),
        timestamp=now,
        sequence=1,
    )
    return instrument


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
