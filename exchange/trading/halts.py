"""What staff change of an instrument: its name, whether it trades, and whether it is halted."""

from datetime import date, datetime
from functools import partial

from django.db import transaction

from be.database import transactions
from be.kernel.formats import time_text
from be.kernel.refusals import Refusal
from exchange.market import revisions
from exchange.models import Bond, Instrument, InstrumentStatus, Quote
from exchange.streaming import publish


class Matured(Refusal):
    """A bond that is due for repayment, or has been repaid, can't be traded."""

    code = "instrument_matured"
    status = 409
    title = "The bond has matured"


@transactions.atomic
def set_tradable(*, symbol: str, tradable: bool, today: date) -> None:
    """Let an instrument trade, or take it off the list; `today` is New York's. Raises Matured."""
    # Trading locks the quote, so this takes effect between two orders, not during one.
    list(Quote.objects.select_for_update().filter(instrument__symbol=symbol).values_list("pk"))
    if tradable:
        check_not_matured(symbol=symbol, today=today)
    Instrument.objects.filter(symbol=symbol).update(tradable=tradable)
    revisions.count()


@transactions.atomic
def rename(*, symbol: str, name: str) -> None:
    """Give an instrument another name."""
    Instrument.objects.filter(symbol=symbol).update(name=name)
    revisions.count()


def check_not_matured(*, symbol: str, today: date) -> None:
    """Refuse a bond that has matured. Raises Matured."""
    if Bond.objects.filter(instrument__symbol=symbol, maturity_date__lte=today).exists():
        raise Matured(f"{symbol} has matured and is repaid.", field="tradable")


@transactions.atomic
def set_status(*, symbol: str, status: InstrumentStatus, now: datetime) -> bool:
    """Halt or resume; False when the instrument is in that status already.

    While it is halted no quote is recorded, working orders wait, and market orders are refused.
    All listeners on the socket get a market alert.
    """
    # Trading locks the quote, so a halt takes effect between two orders, not during one.
    list(Quote.objects.select_for_update().filter(instrument__symbol=symbol))
    changed = Instrument.objects.filter(symbol=symbol).exclude(status=status).update(status=status)
    if not changed:
        return False
    revisions.count()
    halted = status == InstrumentStatus.HALTED
    alert = {
        "symbol": symbol,
        "severity": "high" if halted else "medium",
        "title": f"{symbol} halted" if halted else f"{symbol} trades again",
        "message": "Working orders wait; market orders are refused."
        if halted
        else "Working orders meet the next quote.",
        "timestamp": time_text(now),
    }
    transaction.on_commit(partial(publish.alert, alert))
    return True
