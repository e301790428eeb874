"""Alice, a customer with something of everything, and the market that she trades in."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client

from authentication import api_keys, identity
from authentication.api_keys import NewApiKey
from authentication.models import Session, User
from authentication.rules.identity import Applicant, DocumentKind
from authentication.rules.scopes import Scope
from authentication.tests.api_client import signed_in
from authentication.tests.browsers import administrator, browser
from authentication.tests.factories import UserFactory
from banking import corrections, transactions
from banking.models import BankAccount, BankTransaction
from banking.tests.factories import BankAccountFactory
from exchange.models import CorporateAction, Instrument, MarketClosure, Order, Simulator
from exchange.tests import market
from exchange.tests.corporate.actions import announce_dividend
from exchange.tests.market import NOW

# Asked for a document, then approved.
APPLICANT = Applicant(
    first_name="Alice",
    last_name="Archer",
    birth_date=date(1990, 5, 17),
    street="12 Wall Street",
    city="New York",
    region="NY",
    postal_code="10005",
    country="US",
    tax_id="900000001",
)
PICTURE = b"\x89PNG\r\n\x1a\na picture"


@dataclass(frozen=True)
class Everything:
    """What there is of Alice's, and of the market."""

    alice: User
    session: Session
    key: NewApiKey
    bank: BankAccount
    withdrawal: BankTransaction
    bought: Order
    resting: Order
    dividend: CorporateAction


@pytest.fixture
def now() -> Iterator[datetime]:
    """The clock of the whole test stands at market.NOW."""
    with time_machine.travel(NOW, tick=False):
        yield NOW


@pytest.fixture
def everything(db: None, now: datetime) -> Everything:
    alice = market.make_customer("alice@example.com")
    instrument: Instrument = market.make_instrument("AAPL")
    market.set_quote(instrument, "190.00", "190.02")
    signed_in(alice)
    bank = BankAccountFactory.create(owner=alice, account_number="700123456789")
    withdrawal = transactions.withdraw(
        owner=alice, account_id=bank.pk, amount=Decimal("100.00"), now=NOW
    )
    identity.submit(user=alice, applicant=APPLICANT, now=NOW)
    identity.add_document(user=alice, kind=DocumentKind.PASSPORT, content=PICTURE, now=NOW)
    MarketClosure.objects.create(day=date(2026, 3, 5), reason="A day of mourning")
    Simulator.objects.get_or_create(name="exchange")
    asks = UserFactory.create(email="asks@example.com", is_superuser=True)
    corrections.adjust(
        owner=alice, amount=Decimal(50_000), by=asks, reason="A double debit", now=NOW
    )
    return Everything(
        alice=alice,
        session=alice.sessions.get(),
        key=api_keys.make(
            user=alice, name="my bot", scopes=[Scope.READ], addresses=[], expires_at=None, now=NOW
        ),
        bank=bank,
        withdrawal=withdrawal,
        bought=market.place(alice, quantity="3"),
        resting=market.place(alice, limit="123.45", client_order_id="the-one-i-mean"),
        dividend=announce_dividend(instrument, "0.1", ex_date=date(2026, 3, 9)),
    )


@pytest.fixture
def root(db: None) -> Client:
    """A superuser's browser."""
    return administrator()


def in_role(role: str) -> User:
    """Staff who have one role and nothing else."""
    user = UserFactory.create(email=f"{role}@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def desk_of(role: str) -> Client:
    """The browser of somebody in this role."""
    return browser(in_role(role))
