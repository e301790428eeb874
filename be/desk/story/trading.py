"""What the customer wants to trade, and has traded."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from authentication.models import User
from banking.rules.assets import USD
from be.desk.story import parts
from be.desk.story.parts import Cell, Table
from be.kernel.formats import price_text
from exchange.models import OPEN_STATUSES, Order

COLUMNS = "Placed|Symbol|Side|Type|Quantity|Filled|Limit|Stop|Status|Client order id"


def open_orders(customer: User, now: datetime) -> Table:
    """Orders that are still working or waiting, newest first."""
    rows, cut = parts.first(_orders(customer).filter(status__in=OPEN_STATUSES))
    more = parts.listed(Order, owner__id__exact=customer.pk, status__in=",".join(OPEN_STATUSES))
    return parts.table("Open orders", COLUMNS, _rows(rows), more=more, cut=cut)


def past_orders(customer: User, now: datetime) -> Table:
    """The newest orders of any status."""
    rows, cut = parts.first(_orders(customer))
    more = parts.listed(Order, owner__id__exact=customer.pk)
    return parts.table("Recent orders", COLUMNS, _rows(rows), more=more, cut=cut)


def _orders(customer: User) -> QuerySet[Order]:
    return Order.objects.filter(owner=customer.pk).select_related("instrument").order_by("-pk")


def _rows(orders: Iterable[Order]) -> list[list[Cell]]:
    return [
        [
            parts.page(order, f"{order.created_at:%Y-%m-%d %H:%M:%S}"),
            *parts.texts(
                order.instrument.symbol,
                order.side,
                order.order_type.replace("_", " "),
                _quantity(order),
                f"{order.instrument.asset.amount(order.filled_quantity):,f}",
                _price(order, "limit_price"),
                _price(order, "stop_price"),
                order.status.replace("_", " "),
                order.client_order_id,
            ),
        ]
        for order in orders
    ]


def _quantity(order: Order) -> str:
    if order.quantity is None:
        return f"${USD.amount(order.notional_cents or 0):,f}"
    return f"{order.instrument.asset.amount(order.quantity):,f}"


def _price(order: Order, name: str) -> str | None:
    value = getattr(order, name)
    return None if value is None else price_text(value, order.instrument.price_increment)
