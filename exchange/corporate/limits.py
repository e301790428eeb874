"""What an administrator may enter: a slip of the hand is refused before it moves anything."""

import math
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db.models import Q, QuerySet

from banking.rules.assets import EXACT
from be.kernel.formats import plain, price_text
from be.kernel.refusals import Refusal
from exchange.corporate.rules import terms
from exchange.market.rules.ticks import increment_at
from exchange.models import ActionKind, CorporateAction, Instrument, Quote
from exchange.trading.intake import requests

# Stocks are split into 50 at most, and 100 old ones make a new one when they would be delisted.
LARGEST_RATIO = 100
# After a split, one price increment is at most a hundredth of the price.
INCREMENTS_IN_A_PRICE = 100
FURTHEST = timedelta(days=366)
# A dividend of a quarter of the price is extraordinary, on the exchanges that have a word for it.
UNUSUAL_DIVIDEND = Decimal("0.25")


class DividendTooLarge(Refusal):
    """It would pay as much as the share is worth, or more."""

    code = "dividend_too_large"
    title = "The dividend is as large as the price"


class SplitOutOfBounds(Refusal):
    """A ratio that no issuer chooses, or a price that nobody could trade at."""

    code = "split_out_of_bounds"
    title = "No split is like that"


class DateOutOfBounds(Refusal):
    """A date that has passed, or is further away than anybody announces."""

    code = "date_out_of_bounds"
    title = "The date is out of bounds"


class PriceUnknown(Refusal):
    """There is no price that the amounts could be compared with."""

    code = "price_unknown"
    title = "The instrument has no price yet"


class EnteredAlready(Refusal):
    """There is one of this instrument, kind and ex-date."""

    code = "entered_already"
    status = 409
    title = "It has been entered already"


class NotEntered(Refusal):
    """What bonds pay follows from their terms."""

    code = "not_entered"
    title = "What a bond pays is announced by itself"


def check(action: CorporateAction, *, today: date) -> None:
    """Refuse what can only be a slip. `today` is New York's.

    Raises NotEntered, EnteredAlready, DateOutOfBounds, PriceUnknown, DividendTooLarge or
    SplitOutOfBounds, with the field at fault.
    """
    if action.instrument.is_bond:
        raise NotEntered("What a bond pays is announced by itself.", field="instrument")
    _check_once(action)
    _check_dates(action, today)
    check_size(action)
    if action.kind == ActionKind.SPLIT:
        _check_with_others(action)


def check_size(action: CorporateAction) -> None:
    """Refuse an amount or ratio that doesn't go with the price, as its ex-date counts shares."""
    price = price_for(action)
    if action.kind == ActionKind.SPLIT:
        _check_ratio(action)
        _price_after(action, price)
    elif action.kind == ActionKind.DIVIDEND:
        _check_amount(action, price)


def price_for(action: CorporateAction) -> Decimal:
    """The price of now of one share as the action's ex-date counts them. Raises PriceUnknown.

    Splits of earlier ex-dates that are still to come will have made it smaller (or larger); those
    that a dividend's ex-date did not know have done so already, and are left out of it.
    """
    price = price_of(action.instrument)
    others = CorporateAction.objects.filter(
        instrument=action.instrument, kind=ActionKind.SPLIT
    ).exclude(pk=action.pk)
    ahead = others.filter(carried_out_at__isnull=True, ex_date__lt=action.ex_date)
    ratio = _ratio_of(ahead)
    if action.kind != ActionKind.SPLIT:
        ratio /= _ratio_of(others.filter(carried_out_at__isnull=False, ex_date__gte=action.ex_date))
    return terms.price_after_split(price, ratio)


def _ratio_of(splits: QuerySet[CorporateAction]) -> Fraction:
    """What they make of one share, together."""
    return math.prod((split_ratio(each) for each in splits), start=Fraction(1))


def split_ratio(action: CorporateAction) -> Fraction:
    """What a split makes of one share."""
    return Fraction(action.new_shares or 0, action.old_shares or 1)


def price_of(instrument: Instrument) -> Decimal:
    """Its last price. Raises PriceUnknown."""
    price = Quote.objects.filter(pk=instrument.pk).values_list("price", flat=True).first()
    if price is None:
        raise PriceUnknown(
            f"{instrument.symbol} has no price yet that this could be compared with: start the "
            "simulator first.",
            field="instrument",
        )
    return price


def is_unusual(action: CorporateAction) -> bool:
    """A dividend so large, beside the price, that it wants a second look whatever it costs."""
    if action.amount is None:
        return False
    return action.amount >= EXACT.multiply(price_for(action), UNUSUAL_DIVIDEND)


def _check_once(action: CorporateAction) -> None:
    """One of a kind and day; but a split may be taken back on its own day."""
    others = in_its_place(action)
    done = others.filter(kind=ActionKind.SPLIT, carried_out_at__isnull=False)
    ratio = _ratio_of(done)
    if len(done) < len(others):
        raise EnteredAlready(
            f"There is a {action.kind} of {action.instrument.symbol} on {action.ex_date}: change "
            "that one.",
            field="ex_date",
        )
    if ratio != 1 and ratio * split_ratio(action) != 1:
        raise EnteredAlready(
            f"{action.instrument.symbol} has been split on {action.ex_date}: on that day it can "
            f"only be taken back, by {ratio.denominator} new for {ratio.numerator} old.",
            field="ex_date",
        )


def _check_dates(action: CorporateAction, today: date) -> None:
    if action.ex_date < today and not _is_known(action):
        raise DateOutOfBounds(
            f"{action.ex_date} has passed; in New York it is {today}. What was missed is entered "
            "with a date from today on.",
            field="ex_date",
        )
    if action.ex_date > today + FURTHEST:
        raise DateOutOfBounds(
            f"That is more than a year away; in New York it is {today}.", field="ex_date"
        )
    if action.payable_date > action.ex_date + FURTHEST:
        raise DateOutOfBounds("That is more than a year after the ex-date.", field="payable_date")


def _is_known(action: CorporateAction) -> bool:
    """A dividend whose ex-date was entered in time, or that corrects one that was reversed."""
    if action.kind != ActionKind.DIVIDEND:
        return False
    known = Q(pk=action.pk) | Q(reversed_at__isnull=False)
    return _same(action).filter(known).exists()


def in_its_place(action: CorporateAction) -> QuerySet[CorporateAction]:
    """Others of its instrument, kind and ex-date that stand."""
    return _same(action).filter(reversed_at__isnull=True).exclude(pk=action.pk)


def _same(action: CorporateAction) -> QuerySet[CorporateAction]:
    return CorporateAction.objects.filter(
        instrument=action.instrument, kind=action.kind, ex_date=action.ex_date
    )


def _check_amount(action: CorporateAction, price: Decimal) -> None:
    if (action.amount or Decimal(0)) >= price:
        shown = price_text(price, action.instrument.price_increment)
        raise DividendTooLarge(
            f"{plain(action.amount or Decimal(0))} a share is no less than the share is worth: "
            f"{action.instrument.symbol} is at {shown}, counting shares as its ex-date does.",
            field="amount",
        )


def _check_ratio(action: CorporateAction) -> None:
    if not Fraction(1, LARGEST_RATIO) <= split_ratio(action) <= LARGEST_RATIO:
        raise SplitOutOfBounds(
            f"At most {LARGEST_RATIO} new shares for one old, or one new for {LARGEST_RATIO} old.",
            field="new_shares",
        )


def _check_with_others(action: CorporateAction) -> None:
    """Follow the price through all splits that are to come: each alone might be harmless."""
    coming = CorporateAction.objects.filter(
        instrument=action.instrument, kind=ActionKind.SPLIT, carried_out_at__isnull=True
    ).exclude(pk=action.pk)
    price = price_of(action.instrument)
    for each in sorted([*coming, action], key=lambda split: split.ex_date):
        price = _price_after(each, price)


def _price_after(split: CorporateAction, price: Decimal) -> Decimal:
    """The price after it. Raises SplitOutOfBounds where that is none."""
    after = terms.price_after_split(price, split_ratio(split))
    instrument = split.instrument
    least = increment_at(after, instrument.price_increment, instrument.asset_class)
    if not least * INCREMENTS_IN_A_PRICE <= after <= requests.MAX_PRICE:
        raise SplitOutOfBounds(
            f"{instrument.symbol} would be at {after:.6f} after its split of {split.ex_date}, "
            "where nobody can trade.",
            field="new_shares",
        )
    return after
