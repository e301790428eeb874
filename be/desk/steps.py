"""What staff can do for or to a customer, each by a page that asks for confirmation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from authentication import audit, factor_reset, privileges, restrictions, sessions
from authentication.models import User
from authentication.sessions import EndReason
from banking import admin_steps, corrections
from banking.rules.assets import USD
from be.admin_pages.steps import ReasonForm, Step
from be.database import transactions
from be.kernel.refusals import Refusal
from exchange.models import OPEN_STATUSES, Order
from exchange.trading import orders


class MoreRights(Refusal):
    """The customer is staff with permissions that the administrator lacks."""

    code = "more_rights"
    status = 403
    title = "This user has rights that you don't have"


def require_no_more_rights(by: User, customer: User) -> None:
    """Refuse a customer who is staff with more rights than `by`. Raises MoreRights."""
    if not privileges.may_administer(by, customer):
        raise MoreRights(f"{customer.email} has rights that you don't have.")


def _live_sessions(customer: User, now: datetime) -> int:
    return sessions.live_of(user=customer, now=now).count()


@transactions.atomic
def _end_sessions(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    ended = sessions.end_all(
        user=customer,
        now=now,
        reason=EndReason.ENDED_BY_ADMIN,
        actor=by,
        note=given["reason"],
    )
    return f"Sessions ended: {ended}."


def _open_orders(customer: User) -> int:
    return Order.objects.filter(owner=customer.pk, status__in=OPEN_STATUSES).count()


def _freeze(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    restrictions.freeze(actor=by, subject=customer, reason=given["reason"], now=now)
    return f"The account is frozen. Open orders that stay: {_open_orders(customer)}."


def _unfreeze(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    restrictions.unfreeze(actor=by, subject=customer, reason=given["reason"], now=now)
    return "The account is not frozen any more."


def _cancel_orders(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    canceled = len(orders.cancel_all(owner_id=customer.pk, now=now))
    audit.record(
        "orders canceled",
        actor=by,
        subject=customer,
        at=now,
        orders=canceled,
        reason=given["reason"],
    )
    return f"Orders canceled: {canceled}."


def _reset_factors(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    factor_reset.reset(actor=by, subject=customer, reason=given["reason"], now=now)
    return "The second factors are removed, and all sessions ended."


class AdjustmentForm(ReasonForm):
    """Dollars that the house gives to a customer, or takes back, and why."""

    amount = forms.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="In dollars; below zero it is taken from the customer.",
    )
    field_order = ("amount", "reason")


def _adjust(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    correction = corrections.adjust(
        owner=customer, amount=given["amount"], by=by, reason=given["reason"], now=now
    )
    return admin_steps.state_text(correction)


def _adjustment(customer: User, by: User, given: Mapping[str, Any], now: datetime) -> str:
    effect = corrections.preview(customer, USD.units(given["amount"]))
    return f"{admin_steps.effect_text(effect)}\nReason: {given['reason']}"


STEPS = (
    Step(
        "freeze",
        "Freeze",
        "desk.freeze_customer",
        lambda customer, by, now: not customer.is_frozen,
        lambda customer, by, now: (
            "The customer can sign in and look, and cancel orders, but neither trade nor move "
            f"money. {_open_orders(customer)} open orders stay; they can be canceled afterwards."
        ),
        _freeze,
    ),
    Step(
        "cancel-orders",
        "Cancel open orders",
        "desk.freeze_customer",
        lambda customer, by, now: customer.is_frozen and _open_orders(customer) > 0,
        lambda customer, by, now: (
            f"{_open_orders(customer)} open orders are canceled; what they reserved is free again."
        ),
        _cancel_orders,
    ),
    Step(
        "unfreeze",
        "Unfreeze",
        "desk.unfreeze_customer",
        lambda customer, by, now: customer.is_frozen,
        lambda customer, by, now: "The customer can trade and move money again.",
        _unfreeze,
    ),
    Step(
        "end-sessions",
        "End all sessions",
        "authentication.change_session",
        lambda customer, by, now: _live_sessions(customer, now) > 0,
        lambda customer, by, now: (
            f"{_live_sessions(customer, now)} sessions end at once, and with them their sockets. "
            "The customer can sign in again."
        ),
        _end_sessions,
    ),
    Step(
        "reset-factors",
        "Remove second factors",
        factor_reset.PERMISSION,
        lambda customer, by, now: customer.has_second_factor,
        lambda customer, by, now: (
            "Authenticator app, passkeys and recovery codes work no more, and all sessions end. "
            "Until the customer sets up new ones, the password alone is enough: be sure who asks."
        ),
        _reset_factors,
    ),
    Step(
        "adjust",
        "Credit or debit",
        corrections.ASK,
        lambda customer, by, now: True,
        lambda customer, by, now: (
            "Dollars between the house's errors account and the customer. You will be shown what "
            "it does before it is done."
        ),
        _adjust,
        AdjustmentForm,
        _adjustment,
    ),
)
