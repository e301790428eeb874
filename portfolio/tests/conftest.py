"""Fixtures that tests of the portfolio share; one that needs another amount has its own."""

import pytest

from authentication.models import User
from exchange.models import Instrument
from exchange.tests.market import make_customer, make_instrument
from portfolio.tests.statements import ada_lovelace


@pytest.fixture
def aapl(db: None) -> Instrument:
    """A stock without a quote."""
    return make_instrument("AAPL", name="Apple Inc.")


@pytest.fixture
def alice(db: None) -> User:
    return make_customer("alice@example.com", dollars="50000")


@pytest.fixture
def bob(db: None) -> User:
    return make_customer("bob@example.com", dollars="50000")


@pytest.fixture
def ada(aapl: Instrument) -> User:
    """The account of docs/statements.md."""
    return ada_lovelace(aapl)
