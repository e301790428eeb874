"""Finding what somebody names: an e-mail address, an id, a client order id, or four digits.

It finds only what the administrator may look at.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Model, QuerySet
from django.urls import reverse

from authentication.models import User
from banking.models import BankAccount, BankTransaction, Hold, JournalEntry
from be.desk.models import Customer
from exchange.models import Execution, Order

Rows = QuerySet[Any]

# The most that is shown of each kind.
AT_MOST = 20
MAX_LENGTH = 150
LAST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: its kind, what it is, and the address of its page."""

    kind: str
    text: str
    link: str


def find(query: str, *, by: User) -> list[Hit]:
    """What `query` may mean, for an administrator; nothing for an empty one."""
    query = query.strip()[:MAX_LENGTH]
    if not query or not query.isprintable():
        return []
    identifier = _uuid(query)
    places = _by_text(query) if identifier is None else _by_id(identifier)
    return [
        _hit(row)
        for rows in places
        if by.has_perm(f"{rows.model._meta.app_label}.view_{rows.model._meta.model_name}")
        for row in rows.order_by("-pk")[:AT_MOST]
    ]


def _uuid(query: str) -> UUID | None:
    try:
        return UUID(query)
    except ValueError:
        return None


def _by_id(identifier: UUID) -> list[Rows]:
    return [
        Customer.objects.filter(pk=identifier),
        Order.objects.filter(pk=identifier).select_related("owner", "instrument"),
        BankTransaction.objects.filter(pk=identifier).select_related("owner"),
        BankAccount.objects.filter(pk=identifier).select_related("owner"),
        Execution.objects.filter(pk=identifier).select_related("owner", "order__instrument"),
        Hold.objects.filter(pk=identifier),
        JournalEntry.objects.filter(reference=identifier),
    ]


def _by_text(query: str) -> list[Rows]:
    named = Order.objects.filter(client_order_id=query)
    places: list[Rows] = [
        Customer.objects.filter(email__icontains=query),
        named.select_related("owner", "instrument"),
    ]
    if query.isascii() and query.isdigit():
        if len(query) == LAST_DIGITS:
            ends = BankAccount.objects.filter(account_number_last4=query)
            places.append(ends.select_related("owner"))
        if int(query) <= BigIntegerField.MAX_BIGINT:
            places.append(JournalEntry.objects.filter(pk=int(query)))
    return places


def _hit(row: Model) -> Hit:
    options = row._meta
    link = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    return Hit(str(options.verbose_name).capitalize(), _text(row), link)


def _text(row: Model) -> str:
    match row:
        case Order():
            return f"{row.owner.email}: {row.side} {row.instrument.symbol}, {row.status}"
        case BankTransaction():
            return f"{row.owner.email}: {row.type}, {row.status}"
        case BankAccount():
            return f"{row.owner.email}: {row}, {row.status}"
        case Execution():
            symbol = row.order.instrument.symbol
            return f"{row.owner.email}: {symbol} at {row.executed_at:%Y-%m-%d %H:%M:%S}"
        case _:
            return str(row)
