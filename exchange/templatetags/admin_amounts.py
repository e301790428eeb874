"""How the admin's pages write quantities and dollars."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def amount(value: Decimal) -> str:
    """All decimals, and thousands apart."""
    return f"{value:,f}"


@register.filter
def dollars(value: Decimal) -> str:
    """Whole cents, and thousands apart."""
    return f"{value:,.2f}"
