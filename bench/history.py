"""python -m bench.history: writing and reading prices, on the database of DATABASE_URL.

The reference of writing is Django's own bulk upsert of the same rows; of reading, rows that the
database generates; of a deep page, the first one. BENCH_SYMBOLS (5,000) instruments are written,
candles are read out of BENCH_CANDLES (1,000,000; 10,000,000 take minutes to make), pages out of
BENCH_DEPTH (500,000) executions.
"""

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count, cycle
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup()  # first: what follows imports models

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from rest_framework.test import APIRequestFactory, force_authenticate  # noqa: E402

from authentication.models import User  # noqa: E402
from be.api.pagination import NewestFirst  # noqa: E402
from be.database import statements  # noqa: E402
from bench.cost import Rates, compare  # noqa: E402
from bench.trading import backends, ratio, show, write  # noqa: E402
from exchange.api.orders import ExecutionViewSet  # noqa: E402
from exchange.market import candles, feed  # noqa: E402
from exchange.market.candles import Bar  # noqa: E402
from exchange.market.rules.ticks import Round, Tick  # noqa: E402
from exchange.models import Candle, Execution, Instrument, Interval, Order, Quote  # noqa: E402

SYMBOLS = int(os.environ.get("BENCH_SYMBOLS", "5000"))
CANDLES = int(os.environ.get("BENCH_CANDLES", "1000000"))
DEPTH = int(os.environ.get("BENCH_DEPTH", "500000"))
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
PRICE = Decimal("190.02")
READ = 500
TIMES = 20


def main() -> None:
    call_command("migrate", verbosity=0)
    name = "PostgreSQL" if statements.is_postgresql() else "SQLite"
    write(f"\nHistory on {name}")
    write(f"{'':<46} {'a CPU-s':>9} {'with db':>9} {'a second':>9}")
    instruments = _instruments()
    clock = (START + timedelta(seconds=2 * number) for number in count(1))
    _written(clock)
    _recorded(instruments, clock)
    _read(instruments)
    _paged(instruments[0])


# Writing ------------------------------------------------------------------------------------------


def _instruments() -> list[Instrument]:
    made = Instrument.objects.bulk_create(
        Instrument(
            id=uuid4(),
            symbol=f"S{number:05}",
            name="Bench",
            asset_class="stock",
            scale=6,
            price_increment=Decimal("0.01"),
            quantity_increment=Decimal("0.000001"),
            min_quantity=Decimal("0.000001"),
        )
        for number in range(SYMBOLS)
    )
    Quote.objects.bulk_create(
        Quote(
            instrument=instrument,
            **dict.fromkeys(("price", "bid", "previous_close", "open", "high", "low"), PRICE),
            ask=PRICE + 1,
            bid_size=1,
            ask_size=1,
            volume=0,
            session_date=START.date(),
            timestamp=START,
            sequence=0,
        )
        for instrument in made
    )
    return made


def _written(clock: Iterator[datetime]) -> None:
    quotes = list(Quote.objects.order_by("pk"))
    ours, upserts = compare(
        [partial(_write, quotes, clock), partial(_upsert, quotes, clock)], backends=backends()
    )
    show(f"quotes and candles of {SYMBOLS:,} symbols", ours)
    show("  the same by Django's bulk upsert", upserts)
    ratio("to Django's bulk upsert", ours.to(upserts))


def _write(quotes: list[Quote], clock: Iterator[datetime]) -> int:
    at = next(clock)
    with transaction.atomic():
        feed.write(quotes, [candles.Trade(quote.pk, at, PRICE, 1) for quote in quotes])
    return len(quotes)


def _upsert(quotes: list[Quote], clock: Iterator[datetime]) -> int:
    """The nearest that Django has. To aggregate candles it would have to read them first."""
    at = next(clock)
    starts = [(interval, candles.start_of(at, interval)) for interval in Interval]
    with transaction.atomic():
        Quote.objects.bulk_create(
            quotes,
            update_conflicts=True,
            unique_fields=["instrument"],
            update_fields=feed.CHANGING_COLUMNS,
        )
        Candle.objects.bulk_create(
            [
                Candle(
                    instrument_id=quote.pk,
                    interval=interval,
                    time=time,
                    open=PRICE,
                    high=PRICE,
                    low=PRICE,
                    close=PRICE,
                    volume=1,
                )
                for quote in quotes
                for interval, time in starts
            ],
            update_conflicts=True,
            unique_fields=["instrument", "interval", "time"],
            update_fields=["high", "low", "close", "volume"],
        )
    return len(quotes)


def _recorded(instruments: list[Instrument], clock: Iterator[datetime]) -> None:
    """All of a round: quotes read, locked and changed, candles aggregated, and the commit."""
    one = Decimal(1)
    ticks = tuple(
        Tick(each.symbol, PRICE, PRICE, PRICE + 1, one, one, volume=one) for each in instruments
    )

    def record() -> int:
        with transaction.atomic():
            feed.record(Round(next(clock), ticks))
        return 1

    (rounds,) = compare([record], backends=backends())
    show(f"rounds of {SYMBOLS:,} symbols recorded", rounds)
    share = 1 / rounds.clock / settings.SIMULATOR_INTERVAL_SECONDS
    write(f"  {'of the interval between rounds':<44} {'':>9} {'':>9} {share:>9.2f}")


# Reading ------------------------------------------------------------------------------------------


def _read(instruments: list[Instrument]) -> None:
    minutes = _fill_candles(len(instruments))
    asked = cycle(instruments[:: max(len(instruments) // 97, 1)])
    end = START + timedelta(minutes=minutes // 2 + READ)

    def read() -> int:
        for _ in range(TIMES):
            found = candles.read(next(asked), Interval.ONE_MINUTE, start=None, end=end, limit=READ)
            if len(found) != READ:
                raise RuntimeError(f"{len(found)} candles instead of {READ}")
        return TIMES

    ours, made = compare([read, _make], backends=backends())
    show(f"{READ} candles of one symbol out of {CANDLES:,}", ours)
    show(f"  {READ} rows that the database makes up", made)
    _times("as long as making them up", made, ours)


def _fill_candles(symbols: int) -> int:
    """Candles in the order of live trading: by minute, then by symbol. Returns how many minutes."""
    minutes = max(CANDLES // symbols, 2 * READ)
    postgresql = statements.is_postgresql()
    numbers = (
        "generate_series(0, %s - 1) AS minute (n)"
        if postgresql
        else "(WITH RECURSIVE minute (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM minute "
        "WHERE n + 1 < %s) SELECT n FROM minute) AS minute"
    )
    time = (
        "timestamptz '2026-03-02 12:00:00+00' + n * interval '1 minute'"
        if postgresql
        else "datetime('2026-03-02 12:00:00', n || ' minutes')"
    )
    with _unchecked(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM exchange_candle")
        cursor.execute(
            'INSERT INTO exchange_candle (instrument_id, "interval", "time", "open", high, low, '
            f"\"close\", volume) SELECT id, '1m', {time}, 190.02, 190.07, 189.99, 190.01, n "
            f"FROM {numbers} CROSS JOIN exchange_instrument ORDER BY n, id",
            [minutes],
        )
    _analyze("exchange_candle")
    return minutes


def _make() -> int:
    """As many rows of the same types, read by the same code, but from no table."""
    for _ in range(TIMES):
        if statements.is_postgresql():
            rows = statements.query(
                "SELECT timestamptz '2026-03-02 12:00:00+00' + n * interval '1 minute', "
                "190.02::numeric(18, 8), 190.07::numeric(18, 8), 189.99::numeric(18, 8), "
                "190.01::numeric(18, 8), n::bigint FROM generate_series(1, %s) AS n",
                (READ,),
            )
        else:
            rows = statements.query(
                "WITH RECURSIVE made (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made "
                "WHERE n < %s) SELECT datetime('2026-03-02 12:00:00', n || ' minutes'), "
                "190.02, 190.07, 189.99, 190.01, n FROM made",
                (READ,),
            )
        load = candles.loaded
        if len([Bar._make(load(row)) for row in rows]) != READ:
            raise RuntimeError("too few rows")
    return TIMES


def _paged(instrument: Instrument) -> None:
    user = User.objects.create(email="deep@example.com")
    _fill_executions(user, instrument)
    oldest = Execution.objects.order_by("pk")[100].pk
    cursor = b64encode(urlencode({"p": str(oldest)}).encode()).decode()
    view = ExecutionViewSet.as_view({"get": "list"})
    requests = APIRequestFactory(SERVER_NAME="localhost")

    def page(**query: str) -> int:
        for _ in range(TIMES):
            request = requests.get("/api/exchange/api/v1/executions/", query)
            force_authenticate(request, user)
            answer: Any = view(request)
            if len(answer.data["results"]) != NewestFirst.page_size:
                raise RuntimeError("the page is not whole")
        return TIMES

    first, deep = compare([page, partial(page, cursor=cursor)], backends=backends())
    show("first pages of executions", first)
    show(f"pages at a depth of {DEPTH:,}", deep)
    _times("as long as the first page", first, deep)


def _fill_executions(user: User, instrument: Instrument) -> None:
    order = Order.objects.create(
        id=UUID(int=1),
        owner=user,
        instrument=instrument,
        side="buy",
        order_type="market",
        time_in_force="gtc",
        quantity=10**9,
        status="new",
        created_at=START,
        updated_at=START,
    )
    # Ascending keys, as those made from the time are.
    postgresql = statements.is_postgresql()
    key, numbers = (
        ("lpad(to_hex(n), 32, '0')::uuid", "generate_series(1, %s) AS made (n)")
        if postgresql
        else (
            "printf('%%032x', n)",
            "(WITH RECURSIVE made (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made "
            "WHERE n < %s) SELECT n FROM made) AS made",
        )
    )
    pk = Order._meta.pk.get_db_prep_value(order.pk, connection)
    owner = User._meta.pk.get_db_prep_value(user.pk, connection)
    with _unchecked(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO exchange_execution (id, order_id, owner_id, trade_id, price, "
            "accrued_interest, quantity, cents, fee_cents, liquidity, executed_at) "
            f"SELECT {key}, %s, %s, {key}, 190.02, 0, 1000000, 19002, 0, 'taker', %s "
            f"FROM {numbers}",
            [pk, owner, connection.ops.adapt_datetimefield_value(START), DEPTH + 200],
        )
    _analyze("exchange_execution")


def _times(name: str, limit: Rates, ours: Rates) -> None:
    """Print the ratio of times, not of rates: how much longer ours takes."""
    ratio(name, limit.to(ours))


@contextmanager
def _unchecked() -> Iterator[None]:
    """A transaction whose rows are not checked for their foreign keys one by one."""
    with transaction.atomic(), connection.cursor() as cursor:
        if statements.is_postgresql():
            cursor.execute("SET LOCAL session_replication_role = replica")
        yield


def _analyze(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{'VACUUM ANALYZE' if statements.is_postgresql() else 'ANALYZE'} {table}")


if __name__ == "__main__":
    main()
