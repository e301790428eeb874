"""What comes from other brokers, in the books."""

import uuid

import pytest

from banking import flows, integrity, ledger, transfers_in
from banking.models import EntryKind, HouseAccount, OpeningLot
from banking.rules.assets import USD, Asset
from banking.tests.factories import NOW
from banking.transfers_in import AccountNotNew, BroughtLot, Delivery

pytestmark = pytest.mark.django_db

AAPL = Asset("AAPL", 6)
LOTS = Delivery(AAPL, [BroughtLot(4, 100, 90, NOW, 2), BroughtLot(6, 50, 110, NOW, 3)])


@pytest.fixture(autouse=True)
def seen(monkeypatch):
    """The flows that the ledger has told of."""
    found: list[flows.Flow] = []
    monkeypatch.setattr(flows, "listener", found.append)
    return found


def book(owner, digest="a" * 64, deliveries=(LOTS,)):
    return transfers_in.book(
        owner=owner, source="csv", digest=digest, cents=7, deliveries=deliveries, now=NOW
    )


def balances(owner):
    return {row.asset: (row.available, row.held) for row in ledger.balances_of(owner.pk)}


def test_money_comes_in_and_securities_are_delivered_for_it(alice, seen):
    transfer, is_new = book(alice)

    assert is_new
    assert balances(alice) == {"USD": (7, 0), "AAPL": (10, 0)}
    assert [(flow.cents, flow.kind, flow.reference) for flow in seen] == [
        (207, EntryKind.TRANSFER_IN, transfer.pk)
    ]
    assert (transfer.cents, transfer.value_cents) == (7, 200)
    assert [lot.units for lot in transfer.lots.order_by("pk")] == [4, 6]
    assert list(integrity.check()) == []


def test_the_same_content_is_found_and_another_is_refused(alice, bob, seen):
    transfer, _ = book(alice)

    assert book(alice) == (transfer, False)
    with pytest.raises(AccountNotNew):
        book(alice, digest="b" * 64)
    assert book(bob)[1]
    assert balances(alice) == balances(bob) == {"USD": (7, 0), "AAPL": (10, 0)}
    assert len(seen) == 2


def test_lots_that_are_worth_nothing_are_delivered_for_nothing(alice):
    worthless = Delivery(Asset("GONE", 6), [BroughtLot(1, 5000, 0, NOW, 2)])
    book(alice, deliveries=(worthless,))
    assert balances(alice) == {"USD": (7, 0), "GONE": (1, 0)}
    assert list(integrity.check()) == []


def test_a_transfer_that_the_postings_do_not_say_is_named(alice, bob):
    transfer, _ = book(alice)
    wrong = OpeningLot(
        id=uuid.uuid4(),
        transfer=transfer,
        delivery=transfer.lots.all()[0].delivery,
        asset="AAPL",
        units=1,
        cost_cents=0,
        value_cents=3,
        acquired_at=NOW,
        line=4,
    )
    wrong.save(force_insert=True)
    forged = uuid.uuid4()
    for kind in (EntryKind.TRANSFER_IN, EntryKind.DELIVERY):
        lines = [
            ledger.Line(ledger.account_of(bob.pk, USD), 5),
            ledger.Line(ledger.house_account(HouseAccount.OUTSIDE, USD), -5),
        ]
        ledger.post(kind=kind, reference=forged, lines=lines, at=NOW)

    assert list(integrity.check()) == [
        f"Transfer in {transfer.pk} is of 7 cents and lots worth 203; the ledger posted 207.",
        f"An entry for {forged} is of a transfer in, and there is none.",
        f"The opening lots of delivery {wrong.delivery} are 11 units worth 203 cents; "
        "the ledger posted 10 and -200.",
        f"An entry for {forged} delivers USD, and there are no opening lots.",
    ]
