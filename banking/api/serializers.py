"""Serializers of requests and responses; no rule of banking."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from banking import micro_deposits
from banking.bank_accounts import ACCOUNT_NUMBER, ROUTING_NUMBER
from banking.models import (
    AccountType,
    BankAccount,
    BankAccountStatus,
    BankTransaction,
    Bucket,
    EntryKind,
    LedgerAccount,
    Posting,
    Review,
    TransactionStatus,
    TransactionType,
)
from banking.rules.assets import USD, Asset
from be.api import fields
from be.api.strict_requests import Body
from be.kernel import formats, identifiers

DECIMAL_SCHEMA = {**fields.ANSWER_DECIMAL, "example": "250.00"}


def amount_text(asset: Asset, units: int) -> str:
    """Units as a decimal in plain notation; dollars with both cents."""
    amount = asset.amount(units)
    return formats.money(amount) if asset.code == USD.code else formats.plain(amount)


def asset_of(account: LedgerAccount) -> Asset:
    return Asset(account.asset, account.scale)


@extend_schema_field(OpenApiTypes.UUID)
class IdField(serializers.CharField):
    """An id in a body: any string, so that a malformed one is not found, like a foreign one."""

    def to_internal_value(self, data: Any) -> Any:
        return identifiers.parse(super().to_internal_value(data))


@extend_schema_field(OpenApiTypes.UUID)
class IdFilterField(serializers.CharField):
    """An id to filter by. A malformed one is refused: an empty result would mislead."""

    default_error_messages = {"invalid": "Send the id of a bank account, as accounts/ shows it."}

    def to_internal_value(self, data: Any) -> Any:
        found = identifiers.parse_or_none(super().to_internal_value(data))
        if found is None:
            self.fail("invalid")
        return found


@extend_schema_field({"type": "string", "pattern": f"^{ACCOUNT_NUMBER.pattern}$"})
class AccountNumberField(serializers.CharField):
    """Digits; `banking.bank_accounts` checks them."""


@extend_schema_field({"type": "string", "pattern": f"^{ROUTING_NUMBER.pattern}$"})
class RoutingNumberField(serializers.CharField):
    """Digits; `banking.bank_accounts` checks the check digit."""


@extend_schema_field(DECIMAL_SCHEMA)
class MoneyField(serializers.ReadOnlyField):
    """Dollars of an answer, as a decimal with both cents."""


class BankAccountSerializer(serializers.ModelSerializer[BankAccount]):
    account_number_last4 = serializers.CharField(
        read_only=True, help_text="The last four digits; the number itself is never shown again."
    )

    verification_tries_left = serializers.SerializerMethodField(
        help_text="Tries that are left to name the micro-deposits; null unless `pending`."
    )
    verification_expires_at = serializers.SerializerMethodField(
        help_text="Until when they can be named; null unless `pending`."
    )

    class Meta:
        model = BankAccount
        fields = (
            "id",
            "account_holder",
            "bank_name",
            "account_type",
            "account_number_last4",
            "status",
            "verification_tries_left",
            "verification_expires_at",
            "created_at",
        )
        read_only_fields = fields

    def get_verification_tries_left(self, account: BankAccount) -> int | None:
        return micro_deposits.tries_left(account)

    def get_verification_expires_at(self, account: BankAccount) -> datetime | None:
        pending = account.status == BankAccountStatus.PENDING
        return account.verification_expires_at if pending else None


class LinkBankAccountSerializer(Body):
    account_holder = serializers.CharField(max_length=150)
    bank_name = serializers.CharField(max_length=150)
    account_type = fields.ChoiceField(choices=AccountType.choices)
    account_number = AccountNumberField(max_length=17, help_text="4 to 17 digits.")
    routing_number = RoutingNumberField(
        max_length=9, help_text="The 9 digits of an ABA routing number, check digit included."
    )


class VerifyBankAccountSerializer(Body):
    amounts = serializers.ListField(
        child=fields.PositiveDecimalField(),
        max_length=2,
        default=list,
        help_text="The dollar amounts of the micro-deposits. A verified account needs none.",
    )


class BankTransactionSerializer(serializers.ModelSerializer[BankTransaction]):
    account = serializers.UUIDField(source="account_id", read_only=True)
    amount = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()
    failure_reason = serializers.SerializerMethodField(
        help_text=(
            "Why it failed or was returned, as a word for programs: `account_closed`, "
            "`insufficient_funds_at_bank`. docs/nacha.md has a table with plain words for people."
        )
    )
    review = serializers.SerializerMethodField(
        help_text="Of a large withdrawal: whether it waits for approval, or how that ended."
    )
    settles_on = serializers.DateField(
        read_only=True,
        allow_null=True,
        help_text="The business day, in New York, on which the money moves between the banks; null "
        "where none will, and while a withdrawal waits for approval.",
    )

    class Meta:
        model = BankTransaction
        fields = (
            "id",
            "account",
            "type",
            "amount",
            "currency",
            "status",
            "failure_reason",
            "review",
            "settles_on",
            "created_at",
            "completed_at",
        )
        read_only_fields = fields

    @extend_schema_field(DECIMAL_SCHEMA)
    def get_amount(self, row: BankTransaction) -> str:
        return amount_text(USD, row.cents)

    def get_currency(self, row: BankTransaction) -> str:
        return USD.code

    def get_failure_reason(self, row: BankTransaction) -> str | None:
        return row.failure_reason or None

    @extend_schema_field(fields.ChoiceField(choices=Review.choices, allow_null=True))
    def get_review(self, row: BankTransaction) -> str | None:
        return row.review or None


class NewBankTransactionSerializer(Body):
    account = IdField(help_text="A verified bank account.")
    type = fields.ChoiceField(choices=TransactionType.choices)
    amount = fields.PositiveDecimalField(
        help_text="US dollars: positive, at most two decimals and 1,000,000.00."
    )


class TransactionFilterSerializer(serializers.Serializer[Any]):
    type = fields.ChoiceField(
        choices=TransactionType.choices,
        required=False,
        help_text="Deposits or withdrawals only; both when left out.",
    )
    status = fields.ChoiceField(
        choices=TransactionStatus.choices,
        required=False,
        help_text="Only those that are in this state now.",
    )
    account = IdFilterField(
        required=False, help_text="The id of a bank account: only what went to or came from it."
    )


@extend_schema_field(DECIMAL_SCHEMA)
class DebtField(serializers.Field[LedgerAccount, Any, str, Any]):
    """What the owner of a ledger account owes; left out where that is nothing."""

    def get_attribute(self, instance: Any) -> Any:
        if not instance.debt:
            raise serializers.SkipField
        return instance

    def to_representation(self, value: LedgerAccount) -> str:
        return amount_text(asset_of(value), value.debt)


class BalanceSerializer(serializers.Serializer[LedgerAccount]):
    asset = serializers.CharField(help_text="`USD`, or the symbol of an instrument.")
    total = serializers.SerializerMethodField(help_text="Available and held together.")
    available = serializers.SerializerMethodField(help_text="Free to spend, sell or withdraw.")
    held = serializers.SerializerMethodField(
        help_text="Reserved for open orders and pending withdrawals."
    )
    debt = DebtField(
        required=False,
        help_text="Only where something is owed, for a deposit that was returned after it had been "
        "spent. What comes in pays it first.",
    )

    @extend_schema_field(DECIMAL_SCHEMA)
    def get_total(self, account: LedgerAccount) -> str:
        return amount_text(asset_of(account), account.available + account.held)

    @extend_schema_field(DECIMAL_SCHEMA)
    def get_available(self, account: LedgerAccount) -> str:
        return amount_text(asset_of(account), account.available)

    @extend_schema_field(DECIMAL_SCHEMA)
    def get_held(self, account: LedgerAccount) -> str:
        return amount_text(asset_of(account), account.held)


class BalancesSerializer(serializers.Serializer[Any]):
    results = BalanceSerializer(many=True)


class MostSerializer(serializers.Serializer[Any]):
    limit = MoneyField()


class SpanSerializer(serializers.Serializer[Any]):
    limit = MoneyField()
    used = MoneyField(help_text="Without what was refused or canceled.")
    left = MoneyField()


class AllowanceSerializer(serializers.Serializer[Any]):
    transaction = MostSerializer(help_text="The most at once.")
    day = SpanSerializer()
    month = SpanSerializer()


class TransferLimitsSerializer(serializers.Serializer[Any]):
    deposit = AllowanceSerializer()
    withdrawal = AllowanceSerializer()
    day_ends_at = serializers.DateTimeField(help_text="The next midnight in New York.")
    month_ends_at = serializers.DateTimeField()
    approved_above = MoneyField(
        help_text="A withdrawal of more waits until two administrators have approved it."
    )
    account_age_days = serializers.IntegerField(
        help_text="For how many days an account has to be verified before money is sent to it."
    )


class StatementFilterSerializer(serializers.Serializer[Any]):
    asset = serializers.CharField(
        max_length=24,
        required=False,
        help_text="`USD`, or the symbol of an instrument; all when left out.",
    )
    start = fields.TimeField(required=False, help_text="From this time on.")
    end = fields.TimeField(required=False, help_text="Before this time.")


class StatementLineSerializer(serializers.ModelSerializer[Posting]):
    id = serializers.CharField()
    asset = serializers.CharField(source="account.asset")
    bucket = fields.ChoiceField(
        choices=Bucket.choices,
        help_text="A hold and its release move money between the buckets: two lines, one each.",
    )
    amount = serializers.SerializerMethodField(help_text="What the bucket gained or, signed, lost.")
    kind = fields.ChoiceField(source="entry.kind", choices=EntryKind.choices)
    reference = serializers.UUIDField(
        source="entry.reference", help_text="The bank transaction, order or execution behind it."
    )
    created_at = serializers.DateTimeField(source="entry.created_at")

    class Meta:
        model = Posting
        fields = ("id", "asset", "bucket", "amount", "kind", "reference", "created_at")

    @extend_schema_field({**DECIMAL_SCHEMA, "example": "-250.00"})
    def get_amount(self, posting: Posting) -> str:
        return amount_text(asset_of(posting.account), posting.units)
