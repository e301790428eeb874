"""Coupons, dividends and redemptions: money for holders, through the ledger, once for each."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from banking import ledger
from banking.ledger import Accounts, Line
from banking.models import EntryKind, HouseAccount
from banking.rules.assets import USD
from be.database import transactions
from be.kernel.identifiers import uuid7
from exchange.corporate import holders
from exchange.corporate.rules import terms
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction, Entitlement, Instrument, Quote
from exchange.trading import orders

# Holders who are paid in one trip to the database.
PAID_AT_ONCE = 500
MATURED = "instrument_matured"


def pay(action: CorporateAction, *, now: datetime) -> int:
    """Pay a coupon or dividend to whoever held the instrument before its ex-date.

    Inside a transaction. Returns how many were paid.
    """
    return _pay_all(action, entitled(action), now)


def entitled(action: CorporateAction) -> list[tuple[UUID, int]]:
    """Owners and the units that they are paid for: before the ex-date, as far as that is known."""
    cutoff = calendar.start_of_day(action.ex_date)
    ratio = _late_splits(action, cutoff)
    return [
        (owner_id, units)
        for owner_id, before in holders.before(action.instrument.symbol, cutoff)
        if (units := terms.units_after_split(before, ratio))
    ]


def paid_cents(action: CorporateAction, units: int) -> int:
    """What the holder of so many units is paid."""
    instrument = action.instrument
    amount = action.amount or Decimal(0)
    return terms.paid_cents(instrument.asset, units, amount, instrument.price_divisor)


def _late_splits(action: CorporateAction, cutoff: datetime) -> Fraction:
    """What was one share at the cut-off and ought to have been more (or less) by then.

    A split of an earlier ex-date may have come late, when nobody was there to carry it out; the
    amount of a dividend is for the shares that its ex-date knows.
    """
    late = CorporateAction.objects.filter(
        instrument=action.instrument, kind=ActionKind.SPLIT, ex_date__lt=action.ex_date
    ).exclude(carried_out_at__lt=cutoff)
    ratio = Fraction(1)
    for new, old in late.values_list("new_shares", "old_shares"):
        ratio *= Fraction(new or 0, old or 1)
    return ratio


def redeem(action: CorporateAction, *, now: datetime) -> int:
    """Repay a bond to all who hold it; `close` has ended what was reserved."""
    return _pay_all(action, holders.now(action.instrument.symbol), now)


def close(instrument: Instrument, *, now: datetime) -> None:
    """Let an instrument trade no more, and cancel the orders in it."""
    _stop_trade(instrument)
    orders.cancel_instrument(instrument_id=instrument.pk, reason=MATURED, now=now)


@transactions.atomic
def _stop_trade(instrument: Instrument) -> None:
    """Whoever trades holds the quote's lock, and sees then that the instrument is closed."""
    list(Quote.objects.select_for_update().filter(pk=instrument.pk).values_list("pk"))
    Instrument.objects.filter(pk=instrument.pk).update(tradable=False)


def _pay_all(action: CorporateAction, held: Sequence[tuple[UUID, int]], now: datetime) -> int:
    # All at once: batch by batch, accounts would not be locked in the order of their ids.
    assets = [USD, action.instrument.asset]
    accounts = ledger.lock([owner for owner, _ in held], assets, roles=[HouseAccount.MARKET])
    for start in range(0, len(held), PAID_AT_ONCE):
        _pay_some(action, held[start : start + PAID_AT_ONCE], accounts, now)
    return len(held)


def _pay_some(
    action: CorporateAction, held: Sequence[tuple[UUID, int]], accounts: Accounts, now: datetime
) -> None:
    asset = action.instrument.asset
    repaid = action.kind == ActionKind.REDEMPTION
    given = [_entitlement(action, owner, units, repaid, now) for owner, units in held]
    Entitlement.objects.bulk_create(given)
    with ledger.journal(now) as entries:
        for each in given:
            lines = [
                Line(accounts[each.owner_id, USD.code], each.cents),
                Line(accounts[HouseAccount.MARKET, USD.code], -each.cents),
            ]
            if repaid:
                lines += [
                    Line(accounts[each.owner_id, asset.code], -each.units),
                    Line(accounts[HouseAccount.MARKET, asset.code], each.units),
                ]
            if repaid or each.cents:
                entries.post(kind=EntryKind(action.kind), reference=each.pk, lines=lines)


def _entitlement(
    action: CorporateAction, owner_id: UUID, units: int, repaid: bool, now: datetime
) -> Entitlement:
    return Entitlement(
        id=uuid7(now),
        action=action,
        owner_id=owner_id,
        units=units,
        units_after=0 if repaid else units,
        cents=paid_cents(action, units),
        carried_out_at=now,
    )
