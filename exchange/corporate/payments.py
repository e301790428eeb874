"""Payments of coupons, dividends and redemptions: one entitlement and journal entry a holder."""

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
from exchange.market import revisions
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction, Entitlement, Instrument, Quote
from exchange.trading import orders

# Holders who are paid in one round trip to the database.
PAID_AT_ONCE = 500
MATURED = "instrument_matured"


def pay(action: CorporateAction, *, now: datetime) -> int:
    """Pay a coupon or dividend to the holders of record; returns how many were paid.

    The caller has begun a transaction.
    """
    return _pay_all(action, entitled(action), now)


def entitled(action: CorporateAction) -> list[tuple[UUID, int]]:
    """Owners, and the units of before the ex-date that they are paid for.

    Of an ex-date that is still to come: those who would be paid if it were now.
    """
    cutoff = calendar.start_of_day(action.ex_date)
    ratio = _late_split_ratio(action, cutoff)
    return [
        (owner_id, units)
        for owner_id, before in holders.of_record(action.instrument.symbol, cutoff)
        if (units := terms.units_after_split(before, ratio))
    ]


def paid_cents(action: CorporateAction, units: int) -> int:
    """Cents that the holder of `units` is paid."""
    instrument = action.instrument
    amount = action.amount or Decimal(0)
    return terms.paid_cents(instrument.asset, units, amount, instrument.price_divisor)


def _late_split_ratio(action: CorporateAction, cutoff: datetime) -> Fraction:
    """New shares for each share that was held at the cut-off, by splits that came late.

    The amount of a dividend is for shares as they are counted on its ex-date. A split of an earlier
    ex-date may have been carried out only after that, because no simulator ran.
    """
    late = CorporateAction.objects.filter(
        instrument=action.instrument, kind=ActionKind.SPLIT, ex_date__lt=action.ex_date
    ).exclude(carried_out_at__lt=cutoff)
    ratio = Fraction(1)
    for new, old in late.values_list("new_shares", "old_shares"):
        ratio *= Fraction(new or 0, old or 1)
    return ratio


def redeem(action: CorporateAction, *, now: datetime) -> int:
    """Repay a bond to its holders, after `close` has canceled the orders and released the holds."""
    return _pay_all(action, holders.current(action.instrument.symbol), now)


def close(instrument: Instrument, *, now: datetime) -> None:
    """End trading in an instrument, and cancel its open orders."""
    _stop_trading(instrument)
    orders.cancel_instrument(instrument_id=instrument.pk, reason=MATURED, now=now)


@transactions.atomic
def _stop_trading(instrument: Instrument) -> None:
    """Under the quote's lock, which every trade takes first: later trades see that it is closed."""
    list(Quote.objects.select_for_update().filter(pk=instrument.pk).values_list("pk"))
    Instrument.objects.filter(pk=instrument.pk).update(tradable=False)
    revisions.count()


def _pay_all(action: CorporateAction, held: Sequence[tuple[UUID, int]], now: datetime) -> int:
    # All at once: batch by batch, accounts would not be locked in the order of their ids.
    assets = [USD, action.instrument.asset]
    accounts = ledger.lock([owner for owner, _ in held], assets, roles=[HouseAccount.MARKET])
    for start in range(0, len(held), PAID_AT_ONCE):
        _pay_batch(action, held[start : start + PAID_AT_ONCE], accounts, now)
    return len(held)


def _pay_batch(
    action: CorporateAction, held: Sequence[tuple[UUID, int]], accounts: Accounts, now: datetime
) -> None:
    asset = action.instrument.asset
    repaid = action.kind == ActionKind.REDEMPTION
    given = [_entitlement(action, owner, units, repaid, now) for owner, units in held]
    Entitlement.objects.bulk_create(given)
    with ledger.journal(now) as journal:
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
                journal.post(kind=EntryKind(action.kind), reference=each.pk, lines=lines)


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
