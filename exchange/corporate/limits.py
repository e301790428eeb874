"""Plausibility limits of what administrators enter: typing errors are refused before they count."""

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

# Issuers split a share into 50 at most. In a reverse split, before a delisting, 100 make one.
LARGEST_RATIO = 100
# After a split the price is at least so many increments.
INCREMENTS_IN_A_PRICE = 100
MAX_DAYS_AHEAD = timedelta(days=366)
# Exchanges call a dividend of a quarter of the price or more extraordinary.
UNUSUAL_DIVIDEND = Decimal("0.25")


class DividendTooLarge(Refusal):
    """The dividend is at least as large as the price."""

    code = "dividend_too_large"
    title = "The dividend is as large as the price"


class SplitOutOfBounds(Refusal):
    """A ratio that no issuer chooses, or one that leads to a price at which nobody can trade."""

    code = "split_out_of_bounds"
    title = "No split is like that"


class DateOutOfBounds(Refusal):
    """A date that has passed, or is too far ahead."""

    code = "date_out_of_bounds"
    title = "The date is out of bounds"


class PriceUnknown(Refusal):
    """The instrument has no price to compare the amounts with."""

    code = "price_unknown"
    title = "The instrument has no price yet"


class EnteredAlready(Refusal):
    """There is one of this instrument, kind and ex-date already."""

    code = "entered_already"
    status = 409
    title = "It has been entered already"


class BondPaymentsAreAnnounced(Refusal):
    """What a bond pays follows from its terms, and cannot be entered."""

    code = "not_entered"
    title = "What a bond pays is announced by itself"


def check(action: CorporateAction, *, today: date) -> None:
    """Refuse what can only be a typing error. `today` is New York's date.

    Raises BondPaymentsAreAnnounced, EnteredAlready, DateOutOfBounds, PriceUnknown, DividendTooLarge
    or SplitOutOfBounds, with the field at fault.
    """
    if action.instrument.is_bond:
        raise BondPaymentsAreAnnounced(
            "What a bond pays is announced by itself.", field="instrument"
        )
    _check_unique(action)
    _check_dates(action, today)
    check_size(action)
    if action.kind == ActionKind.SPLIT:
        _check_with_others(action)


def check_size(action: CorporateAction) -> None:
    """Refuse an amount or ratio that is not plausible at the price: see `comparable_price`.

    Raises PriceUnknown, DividendTooLarge or SplitOutOfBounds.
    """
    price = comparable_price(action)
    if action.kind == ActionKind.SPLIT:
        _check_ratio(action)
        _price_after(action, price)
    elif action.kind == ActionKind.DIVIDEND:
        _check_amount(action, price)


def comparable_price(action: CorporateAction) -> Decimal:
    """The last price, restated for shares as they are counted on the ex-date. Raises PriceUnknown.

    Splits of earlier ex-dates that are still to come are counted in. For a dividend, splits that
    were carried out already but have its ex-date or a later one are taken out again.
    """
    price = last_price(action.instrument)
    others = CorporateAction.objects.filter(
        instrument=action.instrument, kind=ActionKind.SPLIT
    ).exclude(pk=action.pk)
    ahead = others.filter(carried_out_at__isnull=True, ex_date__lt=action.ex_date)
    ratio = _combined_ratio(ahead)
    if action.kind != ActionKind.SPLIT:
        ratio /= _combined_ratio(
            others.filter(carried_out_at__isnull=False, ex_date__gte=action.ex_date)
        )
    return terms.price_after_split(price, ratio)


def _combined_ratio(splits: QuerySet[CorporateAction]) -> Fraction:
    """New shares for one old share, by all these splits together."""
    return math.prod((split_ratio(each) for each in splits), start=Fraction(1))


def split_ratio(action: CorporateAction) -> Fraction:
    """New shares for one old share."""
    return Fraction(action.new_shares or 0, action.old_shares or 1)


def last_price(instrument: Instrument) -> Decimal:
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
    """Whether it is a dividend so large, compared with the price, that it always needs approval."""
    if action.amount is None:
        return False
    return action.amount >= EXACT.multiply(comparable_price(action), UNUSUAL_DIVIDEND)


def _check_unique(action: CorporateAction) -> None:
    """Refuse a duplicate; but a split may be undone by its opposite on the same day."""
    others = duplicates_of(action)
    done = others.filter(kind=ActionKind.SPLIT, carried_out_at__isnull=False)
    ratio = _combined_ratio(done)
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
    if action.ex_date < today and not _may_be_past(action):
        raise DateOutOfBounds(
            f"{action.ex_date} has passed; in New York it is {today}. What was missed is entered "
            "with a date from today on.",
            field="ex_date",
        )
    if action.ex_date > today + MAX_DAYS_AHEAD:
        raise DateOutOfBounds(
            f"That is more than a year away; in New York it is {today}.", field="ex_date"
        )
    if action.payable_date > action.ex_date + MAX_DAYS_AHEAD:
        raise DateOutOfBounds("That is more than a year after the ex-date.", field="payable_date")


def _may_be_past(action: CorporateAction) -> bool:
    """Whether it is a dividend entered in time, or one that replaces a reversed one."""
    if action.kind != ActionKind.DIVIDEND:
        return False
    earlier = Q(pk=action.pk) | Q(reversed_at__isnull=False)
    return _of_same_date(action).filter(earlier).exists()


def duplicates_of(action: CorporateAction) -> QuerySet[CorporateAction]:
    """Other actions of its instrument, kind and ex-date that are not reversed."""
    return _of_same_date(action).filter(reversed_at__isnull=True).exclude(pk=action.pk)


def _of_same_date(action: CorporateAction) -> QuerySet[CorporateAction]:
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
    """Refuse a price that all splits to come lead to only together."""
    coming = CorporateAction.objects.filter(
        instrument=action.instrument, kind=ActionKind.SPLIT, carried_out_at__isnull=True
    ).exclude(pk=action.pk)
    price = last_price(action.instrument)
    for each in sorted([*coming, action], key=lambda split: split.ex_date):
        price = _price_after(each, price)


def _price_after(split: CorporateAction, price: Decimal) -> Decimal:
    """The price after the split. Raises SplitOutOfBounds where nobody can trade at it."""
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
