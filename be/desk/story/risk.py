"""What the customer's account is worth, how much of it is invested, and in what most."""

from datetime import datetime
from decimal import Decimal

from authentication.models import User
from banking import ledger
from banking.rules.assets import USD
from be.desk.story import parts
from be.desk.story.parts import Cell, Facts, Table
from portfolio import holdings
from portfolio.holdings import Holding, Holdings

# A position of more than so much of the account is marked.
LARGE = Decimal("0.25")


def risk(customer: User, now: datetime) -> tuple[Facts, Table]:
    """The account's value at the newest prices, and its positions, largest first."""
    found = holdings.holdings(owner_id=customer.pk, lot_method=None, now=now)
    return _facts(customer, found), _positions(found)


def _facts(customer: User, found: Holdings) -> Facts:
    totals = found.totals
    exposure = totals.market_value / totals.equity if totals.equity > 0 else None
    unpriced = [row.instrument.symbol for row in found.results if row.market_value is None]
    facts = [
        ("Equity", _dollars(totals.equity)),
        ("Exposure (positions)", _dollars(totals.market_value)),
        ("of equity", Cell(_percent(exposure))),
        ("Cash", _dollars(totals.cash)),
        ("Cash available", _dollars(totals.available_cash)),
        ("Today", _dollars(totals.day_change)),
        ("Not realized", _dollars(totals.unrealized_pnl)),
    ]
    if (debt := _debt(customer)) is not None:
        facts.append(("Debt", debt))
    if unpriced:
        facts.append(("Without a price", Cell(", ".join(unpriced[: parts.ROWS]), mark="warn")))
    return Facts("Value and risk", facts)


def _debt(customer: User) -> Cell | None:
    """What the customer owes the house; None if nothing."""
    wallet = ledger.find(customer.pk, USD)
    if wallet is None or not wallet.debt:
        return None
    return Cell(f"{USD.amount(wallet.debt):,.2f}", mark="bad")


def _positions(found: Holdings) -> Table:
    largest = sorted(found.results, key=lambda row: row.market_value or Decimal(0), reverse=True)
    return parts.table(
        "Largest positions",
        "Symbol|Quantity|Value (USD)|Of equity|Not realized (USD)",
        [
            [
                *parts.texts(row.instrument.symbol, f"{row.quantity:,f}"),
                _dollars(row.market_value),
                _weight(row),
                _dollars(row.unrealized_pnl),
            ]
            for row in largest[: parts.ROWS]
        ],
    )


def _weight(row: Holding) -> Cell:
    large = row.weight is not None and row.weight >= LARGE
    return Cell(_percent(row.weight), mark="warn" if large else "")


def _percent(fraction: Decimal | None) -> str:
    return "-" if fraction is None else f"{fraction * 100:.1f} %"


def _dollars(value: Decimal | None) -> Cell:
    return Cell("-" if value is None else f"{value:,.2f}")
