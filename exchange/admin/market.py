"""Fees, days without a session, and what the simulator and its quotes are doing."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from banking.admin import LookOnlyAdmin
from exchange.admin import amounts
from exchange.market import hours
from exchange.models import FeeSchedule, MarketClosure, Quote, Simulator

if TYPE_CHECKING:  # generic for the type checker only
    FeeScheduleModelAdmin = admin.ModelAdmin[FeeSchedule]
    MarketClosureModelAdmin = admin.ModelAdmin[MarketClosure]
else:
    FeeScheduleModelAdmin = MarketClosureModelAdmin = admin.ModelAdmin


@admin.register(FeeSchedule)
class FeeScheduleAdmin(FeeScheduleModelAdmin):
    """Rates for orders that will be placed; those that have been placed keep theirs."""

    list_display = ("asset_class", "maker_bps", "taker_bps")
    list_editable = ("maker_bps", "taker_bps")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(MarketClosure)
class MarketClosureAdmin(MarketClosureModelAdmin):
    """Days without a session, or with a short one, that no rule foresees."""

    list_display = ("day", "closes_at", "reason")
    date_hierarchy = "day"

    def save_model(self, request: HttpRequest, obj: MarketClosure, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        hours.forget_closures()

    def delete_model(self, request: HttpRequest, obj: MarketClosure) -> None:
        super().delete_model(request, obj)
        hours.forget_closures()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MarketClosure]) -> None:
        super().delete_queryset(request, queryset)
        hours.forget_closures()


@admin.register(Quote)
class QuoteAdmin(LookOnlyAdmin):
    prices = tuple(map(amounts.price, ("price", "bid", "ask")))
    session = tuple(map(amounts.price, ("previous_close", "open", "high", "low")))
    sizes = tuple(
        map(amounts.quantity, ("bid_size", "ask_size", "bid_taken", "ask_taken", "volume"))
    )
    list_display = ("instrument", *prices, "timestamp", "sequence")
    fields = (
        "instrument",
        *prices,
        *sizes,
        *session,
        "session_date",
        "timestamp",
        "sequence",
        "unworked",
    )
    readonly_fields = (*prices, *sizes, *session)
    list_select_related = ("instrument",)
    search_fields = ("instrument__symbol",)


@admin.register(Simulator)
class SimulatorAdmin(LookOnlyAdmin):
    list_display = ("name", "holder", "lease_until", "rounds")
    exclude = ("state",)
