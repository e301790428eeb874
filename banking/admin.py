"""Read-only admin pages of banking, with the steps that staff can take.

An edit by hand of a balance or status would have no journal entry. Account numbers are shown by
their last four digits, integer units as decimal amounts.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import (
    BigIntegerField,
    Case,
    F,
    Model,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from banking import admin_steps, bank_accounts
from banking.models import (
    BankAccount,
    BankTransaction,
    Correction,
    Hold,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from banking.rules.assets import USD, Asset
from be.admin_pages.base import ReadOnly, ReadOnlyAdmin, TabularInline
from be.admin_pages.steps import StepPages

# Of a number that very many have linked, the first are enough to see that.
MOST_OTHERS = 20


def amount_text(asset: Asset, units: int) -> str:
    """Units as an amount with all decimals and a thousands separator, like "-155,501,713.68"."""
    return f"{asset.amount(units):,f}"


# A callable. Django accepts it as a field too; its type stubs only know it as a column.
Column = Any


def amount_column(field: str, asset_of: Callable[[Any], Asset], title: str) -> Column:
    """A column or read-only field that shows the units in `field` as an amount."""

    @admin.display(description=title, ordering=field)
    def shown(row: Model) -> str:
        units = getattr(row, field)
        return "-" if units is None else amount_text(asset_of(row), int(units))

    shown.__name__ = field
    return shown


def owner_text(account: LedgerAccount) -> str:
    """The owner's e-mail, or the role of a house account."""
    return account.house if account.owner is None else account.owner.email


@admin.register(BankAccount)
class BankAccountAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "owner",
        "bank_name",
        "account_type",
        "account_number_last4",
        "status",
        "created_at",
    )
    fields = (
        "id",
        "owner",
        "account_holder",
        "bank_name",
        "account_type",
        "account_number_last4",
        "routing_number",
        "rail",
        "status",
        "wrong_tries",
        "verification_expires_at",
        "created_at",
        "unlinked_at",
        "also_linked_by",
    )
    readonly_fields = ("also_linked_by",)
    list_filter = ("status", "account_type")
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__email", "account_holder")
    ordering = ("-pk",)

    @admin.display(description="also linked by")
    def also_linked_by(self, account: BankAccount) -> str:
        """Other customers with the same account: a joint one, or something to look at."""
        others = bank_accounts.linked_by_others(account).select_related("owner")
        return ", ".join(other.owner.email for other in others[:MOST_OTHERS]) or "-"


dollars_moved = amount_column("cents", lambda row: USD, "amount (USD)")


@admin.register(BankTransaction)
class BankTransactionAdmin(StepPages):
    steps = admin_steps.OF_TRANSACTIONS
    list_display = (
        "id",
        "owner",
        "type",
        dollars_moved,
        "status",
        "review",
        "failure_reason",
        "created_at",
    )
    fields = (
        "id",
        "owner",
        "account",
        "type",
        dollars_moved,
        "status",
        "review",
        "failure_reason",
        "created_at",
        "completed_at",
        "settles_on",
        "sent_at",
        "due_at",
    )
    readonly_fields = (dollars_moved,)
    list_filter = ("review", "status", "type")
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__email")
    ordering = ("-pk",)


correction_amount = amount_column("cents", lambda row: USD, "amount (USD)")


@admin.register(Correction)
class CorrectionAdmin(StepPages):
    """What was corrected and why; what awaits a second look is decided here."""

    steps = admin_steps.OF_CORRECTIONS
    list_display = ("asked_at", "owner", "kind", correction_amount, "state", "asked_by", "reason")
    fields = (
        "id",
        "owner",
        "kind",
        "transaction",
        "reverses",
        correction_amount,
        "reason",
        "state",
        ("asked_by", "asked_at"),
        ("approved_by", "carried_out_at"),
        ("declined_by", "declined_at"),
    )
    readonly_fields = (correction_amount, "kind", "state")
    list_filter = tuple(
        (name, admin.EmptyFieldListFilter) for name in ("carried_out_at", "declined_at")
    )
    list_select_related = ("owner", "asked_by")
    search_fields = ("=id", "owner__email")
    ordering = ("-pk",)


def _asset(account: LedgerAccount) -> Asset:
    return Asset(account.asset, account.scale)


account_balance = amount_column("balance", _asset, "balance")


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    """Ledger accounts; the balance of a house account is the sum of its postings."""

    list_display = (
        "id",
        "owner",
        "role",
        "asset",
        account_balance,
        "available_amount",
        "held_amount",
        "debt_amount",
    )
    fields = (
        "id",
        "owner",
        "house",
        "asset",
        "scale",
        account_balance,
        "available_amount",
        "held_amount",
        "debt_amount",
    )
    readonly_fields = (account_balance, "available_amount", "held_amount", "debt_amount")
    list_filter = ("house",)
    list_select_related = ("owner",)
    search_fields = ("owner__email", "=asset")
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerAccount]:
        posted = Posting.objects.filter(account=OuterRef("pk")).order_by().values("account")
        of_house = Subquery(posted.annotate(total=Sum("units")).values("total"))
        units: BigIntegerField[int, int] = BigIntegerField()
        balance = Case(
            When(owner__isnull=False, then=F("available") + F("held") - F("debt")),
            default=Coalesce(of_house, 0, output_field=units),
            output_field=units,
        )
        found: QuerySet[LedgerAccount] = super().get_queryset(request)
        return found.annotate(balance=balance)

    @admin.display(description="house", ordering="house")
    def role(self, account: LedgerAccount) -> str:
        """The role without its description, which the filter beside the list shows."""
        return account.house or "-"

    @admin.display(description="available", ordering="available")
    def available_amount(self, account: LedgerAccount) -> str:
        return self._stored(account, account.available)

    @admin.display(description="held", ordering="held")
    def held_amount(self, account: LedgerAccount) -> str:
        return self._stored(account, account.held)

    @admin.display(description="debt", ordering="debt")
    def debt_amount(self, account: LedgerAccount) -> str:
        return self._stored(account, account.debt)

    def _stored(self, account: LedgerAccount, units: int) -> str:
        return "-" if account.owner_id is None else amount_text(_asset(account), units)


class PostingInline(ReadOnly, TabularInline[Posting, JournalEntry]):
    model = Posting
    fields = ("account", "whose", "bucket", "amount")
    readonly_fields = ("whose", "amount")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return super().get_queryset(request).select_related("account__owner")

    @admin.display
    def whose(self, posting: Posting) -> str:
        return owner_text(posting.account)

    @admin.display
    def amount(self, posting: Posting) -> str:
        asset = _asset(posting.account)
        return f"{asset.amount(posting.units):+,f} {asset.code}"


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "reference", "created_at")
    fields = ("id", "kind", "reference", "created_at")
    list_filter = ("kind",)
    search_fields = ("=id", "=reference")
    inlines = (PostingInline,)
    ordering = ("-pk",)


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """The lines of the ledger, of one owner say."""

    list_display = ("created_at", "entry", "whose", "bucket", "amount")
    fields = ("entry", "account", "whose", "bucket", "amount", "created_at")
    readonly_fields = ("whose", "amount")
    list_select_related = ("entry", "account__owner")
    search_fields = ("=owner__email",)
    ordering = ("-pk",)
    whose = PostingInline.whose
    amount = PostingInline.amount


def _asset_of_hold(hold: Hold) -> Asset:
    return _asset(hold.account)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    amounts = (
        amount_column("units", _asset_of_hold, "held at first"),
        amount_column("remaining", _asset_of_hold, "still held"),
    )
    list_display = ("id", "whose", "asset", "reference", *amounts, "created_at", "ended_at")
    fields = ("id", "account", "whose", "asset", "reference", *amounts, "created_at", "ended_at")
    readonly_fields = ("whose", "asset", *amounts)
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    list_select_related = ("account__owner",)
    search_fields = ("=id", "=reference")
    ordering = ("-pk",)

    @admin.display(ordering="account__owner__email")
    def whose(self, hold: Hold) -> str:
        return owner_text(hold.account)

    @admin.display(ordering="account__asset")
    def asset(self, hold: Hold) -> str:
        return hold.account.asset
