"""What the tests of splits do: enter a split, carry it out, and count shares."""

from datetime import UTC, date, datetime
from decimal import Decimal

from authentication.models import User
from exchange.corporate import processing
from exchange.models import CorporateAction, Instrument, Order, TimeInForce
from exchange.tests.corporate.actions import announce_split
from exchange.tests.market import balance, place

EX_DATE = date(2026, 3, 2)
LATER = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)


def enter_split(instrument: Instrument, new: int, old: int) -> CorporateAction:
    """A split that is due LATER."""
    return announce_split(instrument, new, old, ex_date=EX_DATE)


def split(instrument: Instrument, new: int, old: int) -> None:
    """Enter a split and carry it out."""
    enter_split(instrument, new, old)
    assert len(processing.run(now=LATER)) == 1


def shares(user: User, instrument: Instrument) -> tuple[Decimal, Decimal]:
    """(available, held)."""
    return balance(user, instrument.asset)


def gtc(user: User, side: str, quantity: str, limit: str, *, symbol: str = "AAPL") -> Order:
    """A limit order, good till canceled."""
    return place(user, side, quantity, symbol=symbol, limit=limit, time_in_force=TimeInForce.GTC)
