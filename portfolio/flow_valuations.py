"""The valuation of an account at each of its deposits and withdrawals, stored when it is booked.

A time-weighted return needs these values. Computed later, from the prices that are still kept, they
would depend on when they are computed.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import F, OuterRef, Subquery

from banking.flows import Flow
from banking.models import JournalEntry, LedgerAccount
from banking.rules.assets import USD
from be.database import statements
from be.database.rows import Columns
from exchange.market import quotes
from exchange.models import Instrument, Quote
from portfolio import valuation
from portfolio.models import FlowValue

_prices = Columns(FlowValue, ["prices"]).load


def record(flow: Flow) -> None:
    """Store what the account was worth before a flow that has just been booked.

    The ledger calls this in the transaction of the flow, which holds the lock of the account's
    dollars. Trades take that lock too, so all that is read here is of one moment.
    """
    dollars = LedgerAccount.objects.get(owner_id=flow.owner_id, asset=USD.code)
    prices, held = {}, {}
    for symbol, price, units in _prices_and_units(flow.owner_id):
        prices[symbol] = price
        if units:
            held[symbol] = units
    equity = USD.amount(dollars.available + dollars.held - dollars.debt - flow.cents)
    for instrument in Instrument.objects.filter(symbol__in=held).select_related("bond"):
        equity += valuation.market_value(
            instrument,
            held[instrument.symbol],
            price=prices[instrument.symbol],
            accrued=quotes.accrued_interest(instrument, flow.at),
        )
    entry = JournalEntry.objects.filter(kind=flow.kind, reference=flow.reference).latest("pk")
    FlowValue.objects.create(
        entry=entry,
        equity_cents=USD.units(equity),
        prices={symbol: str(price) for symbol, price in prices.items()},
    )


def _prices_and_units(owner_id: UUID) -> Iterable[tuple[str, Decimal, int | None]]:
    """Price and owned units of each instrument: one statement, so that no split comes between."""
    held = LedgerAccount.objects.filter(owner_id=owner_id, asset=OuterRef("instrument__symbol"))
    return Quote.objects.values_list(
        "instrument__symbol", "price", Subquery(held.values_list(F("available") + F("held"))[:1])
    )


def prices_at(entry_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """The prices of all instruments at these flows, by entry and symbol; in shares of then."""
    if not entry_ids:
        return {}
    condition, values = statements.is_in("entry_id", entry_ids)
    rows = statements.query(
        f"SELECT entry_id, prices FROM portfolio_flowvalue WHERE {condition}",  # noqa: S608
        values,
    )
    return {entry_id: _prices((prices,))[0] for entry_id, prices in rows}


def price_at(entry_id: int, symbol: str) -> Decimal | None:
    """The price of an instrument at that flow, in shares of that time; None if not stored."""
    rows = statements.query(
        "SELECT prices FROM portfolio_flowvalue WHERE entry_id = %s", (entry_id,)
    )
    price = _prices(rows[0])[0].get(symbol) if rows else None
    return None if price is None else Decimal(price)
