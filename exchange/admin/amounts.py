"""Admin columns that show units and prices with the decimals of their asset."""

from typing import Any

from django.contrib import admin
from django.db.models import Model

from banking.admin import Column, amount_column
from banking.rules.assets import USD, Asset
from be.kernel.formats import price_text
from exchange.models import Instrument


def instrument_of(row: Any) -> Instrument:
    """The instrument of a row: its own, its order's (executions) or its action's (entitlements)."""
    for name in ("order", "action"):
        row = getattr(row, name, row)
    instrument: Instrument = row.instrument
    return instrument


def quantity(field: str, title: str = "") -> Column:
    """A column of units as shares, coins or face value."""
    return amount_column(field, _asset_of, title or field.replace("_", " "))


def _asset_of(row: Model) -> Asset:
    return instrument_of(row).asset


def _dollars(row: Model) -> Asset:
    return USD


def dollars(field: str, title: str) -> Column:
    """A column of cents as dollars."""
    return amount_column(field, _dollars, f"{title} (USD)")


def price(field: str) -> Column:
    """A column of a price, with the decimals of its instrument."""

    @admin.display(description=field.replace("_", " "), ordering=field)
    def shown(row: Model) -> str:
        value = getattr(row, field)
        return "-" if value is None else price_text(value, instrument_of(row).price_increment)

    shown.__name__ = field
    return shown
