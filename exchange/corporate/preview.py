"""The effects of a dividend, coupon or split on holders and open orders, before it is carried out.

They are computed from the holders, orders and prices of now, which may change until then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from authentication.models import User
from banking.rules.assets import EXACT, USD
from be.kernel.formats import price_text
from exchange.corporate import holders, limits, payments, splits
from exchange.corporate.rules import terms
from exchange.models import OPEN_STATUSES, ActionKind, CorporateAction, Instrument, Order

# So many holders and orders, the largest, are shown one by one.
SHOWN = 50


@dataclass(frozen=True, slots=True)
class HolderLine:
    """One holder: quantity before and after, and dollars that they are paid."""

    email: str
    before: Decimal
    after: Decimal
    dollars: Decimal


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One open order, as it is and as it will be; `after` is None where it will be canceled."""

    email: str
    before: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Effects:
    """The totals, and the largest holders and orders.

    `before` and `after` are quantities held by all customers. `dollars` are paid in all. `value` is
    compared with the limit for approval: the dollars of a dividend, or what the shares are worth
    that a split replaces. Of a split only: `price_after`, and `dividends`, the ones to come that
    will be paid for its new shares.
    """

    holders: int
    before: Decimal
    after: Decimal
    dollars: Decimal
    value: Decimal
    orders: int
    canceled: int
    price_before: str
    price_after: str
    largest_holders: Sequence[HolderLine]
    largest_orders: Sequence[OrderLine]
    dividends: Sequence[CorporateAction]


Changes = list[tuple[UUID, int, int, int]]  # owner, units before, units after, cents


def of(action: CorporateAction) -> Effects:
    """What the action would do to holders and open orders now. Raises limits.PriceUnknown."""
    instrument = action.instrument
    is_split = action.kind == ActionKind.SPLIT
    price = limits.last_price(instrument) if is_split else limits.comparable_price(action)
    ratio = Fraction(action.new_shares or 1, action.old_shares or 1)
    changes = _exchanged(action, ratio) if is_split else _paid(action)
    units = sum(before for _, before, _, _ in changes)
    paid = USD.amount(sum(cents for _, _, _, cents in changes))
    lines, canceled, count = _orders(instrument, ratio) if is_split else ([], 0, 0)
    after = terms.price_after_split(price, ratio)
    return Effects(
        holders=len(changes),
        before=instrument.asset.amount(units),
        after=instrument.asset.amount(sum(after for _, _, after, _ in changes)),
        dollars=paid,
        value=EXACT.multiply(instrument.asset.amount(units), price) if is_split else paid,
        orders=count,
        canceled=canceled,
        price_before=price_text(price, instrument.price_increment),
        price_after=price_text(after, instrument.price_increment),
        largest_holders=_largest(instrument, changes),
        largest_orders=lines,
        dividends=_dividends_after(action) if is_split else [],
    )


def _dividends_after(action: CorporateAction) -> list[CorporateAction]:
    """Dividends to come after a split, whose amounts may have been meant for old shares."""
    found = CorporateAction.objects.filter(
        instrument=action.instrument,
        kind=ActionKind.DIVIDEND,
        carried_out_at__isnull=True,
        ex_date__gt=action.ex_date,
    )
    return list(found.order_by("ex_date"))


def _paid(action: CorporateAction) -> Changes:
    return [
        (owner, units, units, payments.paid_cents(action, units))
        for owner, units in payments.entitled(action)
    ]


def _exchanged(action: CorporateAction, ratio: Fraction) -> Changes:
    return [
        (owner, units, terms.units_after_split(units, ratio), 0)
        for owner, units in holders.current(action.instrument.symbol)
    ]


def _largest(instrument: Instrument, changes: Changes) -> list[HolderLine]:
    shown = sorted(changes, key=lambda change: change[1], reverse=True)[:SHOWN]
    emails = _emails(owner for owner, *_ in shown)
    asset = instrument.asset
    return [
        HolderLine(emails[owner], asset.amount(before), asset.amount(after), USD.amount(cents))
        for owner, before, after, cents in shown
    ]


def _orders(instrument: Instrument, ratio: Fraction) -> tuple[list[OrderLine], int, int]:
    """The largest open orders, how many will be canceled, and how many there are."""
    found = Order.objects.filter(instrument=instrument, status__in=OPEN_STATUSES)
    rows = list(found.select_related("instrument").order_by("pk"))
    after = {order.pk: splits.restated(order, ratio) for order in rows}
    possible = {order.pk: splits.is_possible(order, after[order.pk]) for order in rows}
    shown = sorted(rows, key=lambda order: order.remaining_quantity, reverse=True)[:SHOWN]
    emails = _emails(order.owner_id for order in shown)
    lines = [
        OrderLine(
            emails[order.owner_id],
            _order_text(order, {}),
            _order_text(order, after[order.pk]) if possible[order.pk] else None,
        )
        for order in shown
    ]
    return lines, sum(not each for each in possible.values()), len(rows)


def _order_text(order: Order, changes: splits.Values) -> str:
    """An order in words, like "sell 3.000000 limit 210.00"; `changes` replace its own values."""
    instrument = order.instrument
    quantity = changes.get("quantity", order.quantity)
    parts = [str(order.side)]
    if quantity is not None:
        parts.append(f"{instrument.asset.amount(int(quantity)):,f}")
    elif order.notional_cents is not None:
        parts.append(f"${USD.amount(order.notional_cents):,f}")
    for name in ("limit_price", "stop_price"):
        price = changes.get(name, getattr(order, name))
        if price is not None:
            shown = price_text(Decimal(price), instrument.price_increment)
            parts.append(f"{name.removesuffix('_price')} {shown}")
    return " ".join(parts)


def _emails(owners: Iterable[UUID]) -> dict[UUID, str]:
    return dict(User.objects.filter(pk__in={*owners}).values_list("pk", "email"))
