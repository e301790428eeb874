"""Real conflicts of real transactions: they are tried again, or answered with 503."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from authentication.tests.api_client import signed_in_client
from authentication.tests.problems import assert_problem
from banking.models import JournalEntry, LedgerAccount
from banking.tests.parallel import at_once
from be.database import transactions
from exchange.models import Order, Simulator
from exchange.tests import market

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/exchange/api/v1/orders/"
BUY = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": "1", "limit_price": "9"}


@pytest.fixture
def counters(db: None) -> list[str]:
    for name in ("one", "other"):
        Simulator.objects.create(name=name)
    return ["one", "other"]


def counted() -> dict[str, int]:
    return dict(Simulator.objects.values_list("name", "rounds"))


def add_one(name: str) -> None:
    """Read, then write what was read and one: right only if nobody comes in between."""
    counter = Simulator.objects.get(name=name)
    Simulator.objects.filter(name=name).update(rounds=counter.rounds + 1)


def test_a_deadlock_is_tried_again(is_postgresql: bool, counters: list[str]):
    if not is_postgresql:
        pytest.skip("SQLite has one writer at a time, and so no deadlocks")
    both_have_one = threading.Barrier(2, timeout=30)
    calls: list[str] = []

    @transactions.atomic
    def lock_both(first: str, second: str) -> None:
        calls.append(first)
        Simulator.objects.select_for_update().get(name=first)
        if calls.count(first) == 1:
            both_have_one.wait()
        Simulator.objects.select_for_update().get(name=second)
        add_one(first)

    at_once([partial(lock_both, *counters), partial(lock_both, *reversed(counters))])

    assert counted() == {"one": 1, "other": 1}
    # One of the two gave way, at least once: PostgreSQL may choose so again.
    assert 2 < len(calls) <= 2 * transactions.ATTEMPTS


def test_a_serialization_failure_is_tried_again(is_postgresql: bool, counters: list[str]):
    if not is_postgresql:
        pytest.skip("SQLite has one writer at a time, and so nothing to serialize")
    both_have_read = threading.Barrier(2, timeout=30)
    calls: list[int] = []

    @transactions.atomic
    def add_one_in_isolation() -> None:
        calls.append(threading.get_ident())
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rounds = Simulator.objects.get(name="one").rounds
        if calls.count(threading.get_ident()) == 1:
            both_have_read.wait()
        Simulator.objects.filter(name="one").update(rounds=rounds + 1)

    at_once([add_one_in_isolation] * 2)

    assert counted()["one"] == 2
    assert len(calls) == 3


def test_on_sqlite_a_transaction_that_reads_first_is_not_overtaken(
    is_postgresql: bool, counters: list[str]
):
    """It would be told "database is locked" at once if it had begun as a reader."""
    if is_postgresql:
        pytest.skip("PostgreSQL locks rows, and those that are asked for")

    def add_ten() -> None:
        for _ in range(10):
            transactions.atomic(add_one)("one")

    at_once([add_ten] * 6)

    assert counted()["one"] == 60


@contextmanager
def locked_by_another(account: LedgerAccount) -> Iterator[None]:
    """Somebody else's transaction that has changed the account and does not end."""
    changed, end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            LedgerAccount.objects.select_for_update().get(pk=account.pk)
            changed.set()
            end.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert changed.wait(30)
    try:
        yield
    finally:
        end.set()
        holder.join()


def test_a_lock_that_nobody_gives_back_is_a_503_and_moves_nothing(is_postgresql: bool):
    market.set_quote(market.make_instrument(), at=timezone.now())
    alice = market.make_customer()
    client = signed_in_client(alice)
    account = LedgerAccount.objects.get(owner=alice, asset="USD")
    entries = JournalEntry.objects.count()
    with impatience(is_postgresql=is_postgresql), locked_by_another(account):
        answer = client.post(URL, BUY, headers={"Idempotency-Key": "patience"})
        assert_problem(answer, status=503, code="unavailable")
        assert answer["Retry-After"].isdigit()

    assert (Order.objects.count(), JournalEntry.objects.count()) == (0, entries)
    again = client.post(URL, BUY, headers={"Idempotency-Key": "patience"})
    assert again.status_code == 201, again.json()
    assert market.balance(alice) == (9991, 9)
    market.assert_books_are_right()


@contextmanager
def impatience(*, is_postgresql: bool) -> Iterator[None]:
    """Wait a tenth of a second for a lock on this connection, not ten or twenty."""
    patience = "SET lock_timeout = '100ms'" if is_postgresql else "PRAGMA busy_timeout = 100"
    with connection.cursor() as cursor:
        cursor.execute(patience)
    try:
        yield
    finally:
        if is_postgresql:  # where a pool takes the connection back as it is
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
        connection.close()


def test_on_postgresql_no_lock_is_waited_for_without_an_end(is_postgresql: bool):
    if not is_postgresql:
        pytest.skip("SQLite has its own `timeout`")
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("10s",)
