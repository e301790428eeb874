"""Up to which id the postings of a customer are complete, while others post."""

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from authentication.tests.factories import UserFactory
from banking import holds, ledger
from banking.ledger import Line
from banking.models import EntryKind, HouseAccount, LedgerAccount, Posting
from banking.rules.assets import USD, Asset
from banking.tests.factories import NOW, give
from banking.tests.money import assert_books_are_right
from banking.tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 25


def slowly(write):
    """Write in a transaction that is committed a little later than its postings get their ids."""
    with transaction.atomic():
        write()
        time.sleep(0.002)


def give_new_assets(owner, prefix):
    """Each posting opens the account that it goes to, so that nobody else can have locked it."""
    for number in range(ROUNDS):
        slowly(partial(give, owner, "1", Asset(f"{prefix}{number}", 0)))


def reserve_and_release(owner):
    wallet = ledger.account_of(owner.pk, USD)
    for _ in range(ROUNDS):
        made = holds.hold(account=wallet, units=1, reference=uuid.uuid4(), at=NOW)
        slowly(partial(holds.release, made, at=NOW))


def buy_shares(owner):
    """As a trade does: the accounts first, and then a journal of several entries."""
    shares = Asset("AAPL", 6)

    def write():
        accounts = ledger.lock([owner.pk], [shares], roles=[HouseAccount.MARKET])
        with ledger.journal(NOW) as journal:
            for _ in range(2):
                journal.post(
                    kind=EntryKind.TRADE,
                    reference=uuid.uuid4(),
                    lines=[
                        Line(accounts[owner.pk, "AAPL"], 1),
                        Line(accounts[HouseAccount.MARKET, "AAPL"], -1),
                    ],
                )

    for _ in range(ROUNDS):
        slowly(write)


def number_through(owner, bound):
    return Posting.objects.filter(owner=owner, id__lte=bound).count()


def test_no_posting_ever_appears_at_or_below_the_bound(is_postgresql):
    owner = UserFactory.create()
    give(owner, "100.00")
    seen: list[tuple[int, int]] = []
    writers_left = [4]
    one_less = threading.Lock()

    def until_done(write):
        try:
            write()
        finally:
            with one_less:
                writers_left[0] -= 1

    def read_bounds():
        while writers_left[0]:
            bound = ledger.settled_through(owner.pk)
            seen.append((bound, number_through(owner, bound)))

    writers = [
        partial(give_new_assets, owner, "A"),
        partial(give_new_assets, owner, "B"),
        partial(reserve_and_release, owner),
        partial(buy_shares, owner),
    ]
    calls: list[Callable[[], None]] = [partial(until_done, each) for each in writers]
    at_once([*calls, read_bounds])

    # SQLite lets the reader in between two writers only by chance.
    assert len({bound for bound, _ in seen}) > (10 if is_postgresql else 0)
    assert [number_through(owner, bound) for bound, _ in seen] == [count for _, count in seen]
    assert [bound for bound, _ in seen] == sorted(bound for bound, _ in seen)
    newest = Posting.objects.filter(owner=owner).order_by("-pk").values_list("pk", flat=True)[0]
    assert ledger.settled_through(owner.pk) == newest
    assert_books_are_right()


def post_to_a_new_account(owner):
    give(owner, "1", Asset("MSFT", 6))


def reserve(owner):
    holds.hold(account=ledger.account_of(owner.pk, USD), units=1, reference=uuid.uuid4(), at=NOW)


def settled_through_at_once(owner):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '200ms'")
        return ledger.settled_through(owner.pk)


@pytest.mark.parametrize("write", [post_to_a_new_account, reserve])
def test_the_bound_waits_for_what_is_not_committed(write, is_postgresql):
    if not is_postgresql:
        pytest.skip("SQLite has one writer at a time")
    owner = UserFactory.create()
    give(owner, "100.00")

    with transaction.atomic():
        write(owner)
        with pytest.raises(OperationalError, match="lock timeout"):
            at_once([partial(settled_through_at_once, owner)])

    newest = Posting.objects.filter(owner=owner).order_by("-pk").values_list("pk", flat=True)[0]
    assert settled_through_at_once(owner) == newest


def test_the_dollar_account_of_a_customer_is_opened_with_the_first_posting():
    owner = UserFactory.create()

    give(owner, "1", Asset("AAPL", 6))

    assert set(LedgerAccount.objects.filter(owner=owner).values_list("asset", flat=True)) == {
        "AAPL",
        "USD",
    }


def test_of_a_customer_without_postings_nothing_is_settled():
    assert ledger.settled_through(UserFactory.create().pk) == 0
