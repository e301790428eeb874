"""A market with one stock. Alice and Bob trade, Charlie must see nothing; root is a superuser."""

from collections.abc import Iterator
from datetime import datetime

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.browsers import administrator
from exchange.models import Instrument
from exchange.tests import market

# Its assertions explain themselves like those of a test.
pytest.register_assert_rewrite("exchange.tests.order_machine")


@pytest.fixture
def now() -> Iterator[datetime]:
    """The clock of the whole test stands at market.NOW, where quotes are fresh."""
    with time_machine.travel(market.NOW, tick=False):
        yield market.NOW


@pytest.fixture
def aapl(db: None) -> Instrument:
    instrument = market.make_instrument("AAPL")
    market.set_quote(instrument, "190.00", "190.02")
    return instrument


@pytest.fixture
def alice(db: None) -> User:
    return market.make_customer("alice@example.com")


@pytest.fixture
def bob(db: None) -> User:
    return market.make_customer("bob@example.com")


@pytest.fixture
def charlie(db: None) -> User:
    return market.make_customer("charlie@example.com")


@pytest.fixture
def client(alice: User, now: datetime) -> APIClient:
    """Alice's client."""
    return signed_in_client(alice)


@pytest.fixture
def root(db: None) -> Client:
    """A superuser's browser."""
    return administrator()


@pytest.fixture
def books_must_agree(db: None) -> Iterator[None]:
    """Check the books after the test, whatever it did."""
    yield
    market.assert_books_are_right()
