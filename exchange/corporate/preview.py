"""What a dividend or split will do, and to whom, worked out from what there is now.

By the time that it is carried out, holders and orders may be others: this is a look, not a promise.
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

# Holders and orders that are shown one by one: the largest.
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
class Preview:
    """The whole of it, and its largest parts.

    `dollars` are paid in all; `value` is what the second look goes by: the dollars of a dividend,
    or what the shares are worth that a split replaces. `price_after` is of a split, and so are
    `dividends`: those to come that are for its new shares.
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


Held = list[tuple[UUID, int, int, int]]  # owner, units before, units after, cents


def of(action: CorporateAction) -> Preview:
    """What the action does, with holders and open orders of now."""
    instrument = action.instrument
    splitting = action.kind == ActionKind.SPLIT
    price = limits.price_of(instrument) if splitting else limits.price_for(action)
    ratio = Fraction(action.new_shares or 1, action.old_shares or 1)
    held = _split_up(action, ratio) if splitting else _paid(action)
    units = sum(before for _, before, _, _ in held)
    paid = USD.amount(sum(cents for _, _, _, cents in held))
    lines, canceled, count = _orders(instrument, ratio) if splitting else ([], 0, 0)
    after = terms.price_after_split(price, ratio)
    return Preview(
        holders=len(held),
        before=instrument.asset.amount(units),
        after=instrument.asset.amount(sum(after for _, _, after, _ in held)),
        dollars=paid,
        value=EXACT.multiply(instrument.asset.amount(units), price) if splitting else paid,
        orders=count,
        canceled=canceled,
        price_before=price_text(price, instrument.price_increment),
        price_after=price_text(after, instrument.price_increment),
        largest_holders=_largest(instrument, held),
        largest_orders=lines,
        dividends=_dividends_after(action) if splitting else [],
    )


def _dividends_after(action: CorporateAction) -> list[CorporateAction]:
    """Those that may have been entered with the old shares in mind."""
    found = CorporateAction.objects.filter(
        instrument=action.instrument,
        kind=ActionKind.DIVIDEND,
        carried_out_at__isnull=True,
        ex_date__gt=action.ex_date,
    )
    return list(found.order_by("ex_date"))


def _paid(action: CorporateAction) -> Held:
    return [
        (owner, units, units, payments.paid_cents(action, units))
        for owner, units in payments.entitled(action)
    ]


def _split_up(action: CorporateAction, ratio: Fraction) -> Held:
    return [
        (owner, units, terms.units_after_split(units, ratio), 0)
        for owner, units in holders.now(action.instrument.symbol)
    ]


def _largest(instrument: Instrument, held: Held) -> list[HolderLine]:
    shown = sorted(held, key=lambda each: each[1], reverse=True)[:SHOWN]
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
    """ "sell 3.000000 limit 210.00", with these values in the place of the order's own."""
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
