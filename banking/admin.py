"""Banking for staff: everything can be looked at, nothing can be changed by hand.

Whoever could edit a balance or a status here would do so without a journal entry. Of an account
number only the last four digits are shown.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from banking.assets import USD, Asset
from banking.models import (
    BankAccount,
    BankTransaction,
    Hold,
    JournalEntry,
    LedgerAccount,
    Posting,
)

if TYPE_CHECKING:  # generic for the type checker only
    AnyModelAdmin = admin.ModelAdmin[Any]
    PostingTabularInline = admin.TabularInline[Posting, JournalEntry]
else:
    AnyModelAdmin = admin.ModelAdmin
    PostingTabularInline = admin.TabularInline


class LookOnly:
    """Takes the right to add, change and delete from everybody, superusers included."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LookOnlyAdmin(LookOnly, AnyModelAdmin):
    show_full_result_count = False


@admin.register(BankAccount)
class BankAccountAdmin(LookOnlyAdmin):
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
        "status",
        "created_at",
        "unlinked_at",
    )
    list_filter = ("status", "account_type")
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__email", "account_holder")
    ordering = ("-pk",)


@admin.register(BankTransaction)
class BankTransactionAdmin(LookOnlyAdmin):
    list_display = ("id", "owner", "type", "amount", "status", "failure_reason", "created_at")
    fields = (
        "id",
        "owner",
        "account",
        "type",
        "amount",
        "status",
        "failure_reason",
        "created_at",
        "completed_at",
        "due_at",
    )
    readonly_fields = ("amount",)
    list_filter = ("status", "type")
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__email")
    ordering = ("-pk",)

    @admin.display(description="amount (USD)", ordering="cents")
    def amount(self, row: BankTransaction) -> str:
        return f"{USD.amount(row.cents):f}"


@admin.register(LedgerAccount)
class LedgerAccountAdmin(LookOnlyAdmin):
    list_display = ("id", "owner", "house", "asset", "available_amount", "held_amount")
    fields = ("id", "owner", "house", "asset", "scale", "available_amount", "held_amount")
    readonly_fields = ("available_amount", "held_amount")
    list_filter = ("house",)
    list_select_related = ("owner",)
    search_fields = ("owner__email", "=asset")
    ordering = ("pk",)

    @admin.display(description="available")
    def available_amount(self, account: LedgerAccount) -> str:
        return f"{Asset(account.asset, account.scale).amount(account.available):f}"

    @admin.display(description="held")
    def held_amount(self, account: LedgerAccount) -> str:
        return f"{Asset(account.asset, account.scale).amount(account.held):f}"


class PostingInline(LookOnly, PostingTabularInline):
    model = Posting
    fields = ("account", "bucket", "amount")
    readonly_fields = ("amount",)
    extra = 0

    @admin.display
    def amount(self, posting: Posting) -> str:
        asset = Asset(posting.account.asset, posting.account.scale)
        return f"{asset.amount(posting.units):+f} {asset.code}"


@admin.register(JournalEntry)
class JournalEntryAdmin(LookOnlyAdmin):
    list_display = ("id", "kind", "reference", "created_at")
    fields = ("id", "kind", "reference", "created_at")
    list_filter = ("kind",)
    search_fields = ("=id", "=reference")
    inlines = (PostingInline,)
    ordering = ("-pk",)


@admin.register(Hold)
class HoldAdmin(LookOnlyAdmin):
    list_display = ("id", "account", "reference", "units", "remaining", "created_at", "ended_at")
    fields = ("id", "account", "reference", "units", "remaining", "created_at", "ended_at")
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    list_select_related = ("account",)
    search_fields = ("=id", "=reference")
    ordering = ("-pk",)
