"""Bank accounts and transactions as JSON shows them; their serializers are the schema."""

from typing import Any

from banking import micro_deposits
from banking.models import BankAccount, BankAccountStatus, BankTransaction
from banking.rules.assets import USD
from banking.transfer_limits import Allowance, TransferLimits
from be.kernel.formats import money_cents, time_text

Document = dict[str, Any]


def account(row: BankAccount) -> Document:
    pending = row.status == BankAccountStatus.PENDING
    expires_at = row.verification_expires_at if pending else None
    return {
        "id": str(row.pk),
        "account_holder": row.account_holder,
        "bank_name": row.bank_name,
        "account_type": str(row.account_type),
        "account_number_last4": row.account_number_last4,
        "status": str(row.status),
        "verification_tries_left": micro_deposits.tries_left(row),
        "verification_expires_at": None if expires_at is None else time_text(expires_at),
        "created_at": time_text(row.created_at),
    }


def transaction(row: BankTransaction) -> Document:
    completed_at = row.completed_at
    return {
        "id": str(row.pk),
        "account": str(row.account_id),
        "type": str(row.type),
        "amount": money_cents(row.cents),
        "currency": USD.code,
        "status": str(row.status),
        "failure_reason": row.failure_reason or None,
        "review": str(row.review) or None,
        "settles_on": None if row.settles_on is None else row.settles_on.isoformat(),
        "created_at": time_text(row.created_at),
        "completed_at": None if completed_at is None else time_text(completed_at),
    }


def limits(found: TransferLimits) -> Document:
    return {
        "deposit": _allowance(found.deposit),
        "withdrawal": _allowance(found.withdrawal),
        "day_ends_at": time_text(found.day_ends_at),
        "month_ends_at": time_text(found.month_ends_at),
        "approved_above": money_cents(found.approved_above),
        "account_age_days": found.account_age_days,
    }


def _allowance(found: Allowance) -> Document:
    limits = found.limits
    return {
        "transaction": {"limit": money_cents(limits.transaction)},
        "day": _span(limits.day, found.used_day, found.left_day),
        "month": _span(limits.month, found.used_month, found.left_month),
    }


def _span(limit: int, used: int, left: int) -> Document:
    return {
        "limit": money_cents(limit),
        "used": money_cents(used),
        "left": money_cents(left),
    }
