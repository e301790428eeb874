"""Columns of what is stored in whole units or many decimals, as people write it."""

from typing import Any

from django.contrib import admin
from django.db.models import Model

from banking.admin import Column, amount_column
from banking.rules.assets import USD, Asset
from be.kernel.formats import price_text
from exchange.models import Instrument


def instrument_of(row: Any) -> Instrument:
    """Of an order or quote its own, of an execution its order's, of an entitlement its action's."""
    for name in ("order", "action"):
        row = getattr(row, name, row)
    instrument: Instrument = row.instrument
    return instrument


def quantity(field: str, title: str = "") -> Column:
    """Shares, coins or face value."""
    return amount_column(field, _asset_of, title or field.replace("_", " "))


def _asset_of(row: Model) -> Asset:
    return instrument_of(row).asset


def _dollars(row: Model) -> Asset:
    return USD


def dollars(field: str, title: str) -> Column:
    """Dollars, of what is stored in cents."""
    return amount_column(field, _dollars, f"{title} (USD)")


def price(field: str) -> Column:
    """A price, with the decimals of its instrument."""

    @admin.display(description=field.replace("_", " "), ordering=field)
    def shown(row: Model) -> str:
        value = getattr(row, field)
        return "-" if value is None else price_text(value, instrument_of(row).price_increment)

    shown.__name__ = field
    return shown
