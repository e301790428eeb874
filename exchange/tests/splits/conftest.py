"""The cast of the tests of splits."""

import pytest

from authentication.models import User
from exchange.models import Instrument
from exchange.tests.market import make_customer, make_instrument, set_quote


@pytest.fixture
def aapl(db: None) -> Instrument:
    instrument = make_instrument()
    set_quote(instrument, "199.98", "200.00", size="1000000")
    return instrument


@pytest.fixture
def alice(db: None) -> User:
    return make_customer(dollars="100000")
