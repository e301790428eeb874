"""Admin pages of fees and market closures, and read-only ones of quotes and the simulator."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from be.admin_pages.base import ModelAdmin, ReadOnlyAdmin
from be.kernel.refusals import Refusal
from exchange.admin import amounts
from exchange.market import closures
from exchange.market.rules import calendar
from exchange.models import FeeSchedule, MarketClosure, Quote, Simulator
from exchange.trading.rules import fees

if TYPE_CHECKING:  # generic for the type checker only
    FeeModelForm = forms.ModelForm[FeeSchedule]
    ClosureModelForm = forms.ModelForm[MarketClosure]
else:
    FeeModelForm = ClosureModelForm = forms.ModelForm


class FeeForm(FeeModelForm):
    class Meta:
        model = FeeSchedule
        fields = ("asset_class", "maker_bps", "taker_bps")
        labels = {"maker_bps": "maker, in basis points", "taker_bps": "taker, in basis points"}

    def clean(self) -> None:
        super().clean()
        for name in ("maker_bps", "taker_bps"):
            try:
                fees.check_rate(self.cleaned_data.get(name, 0), field=name)
            except Refusal as refusal:
                self.add_error(refusal.field, refusal.detail)


@admin.register(FeeSchedule)
class FeeScheduleAdmin(ModelAdmin[FeeSchedule]):
    """Rates for new orders; orders that were placed keep theirs."""

    form = FeeForm
    list_display = ("asset_class", "maker_bps", "taker_bps", "of_ten_thousand")
    list_editable = ("maker_bps", "taker_bps")

    @admin.display(description="maker and taker pay, of $10,000")
    def of_ten_thousand(self, row: FeeSchedule) -> str:
        return " and ".join(
            f"${bps}.00 ({fees.percent(bps)})" for bps in (row.maker_bps, row.taker_bps)
        )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": FeeForm, **kwargs})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The asset class is the primary key: changing it would add a row and leave this one."""
        return () if obj is None else ("asset_class",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ClosureForm(ClosureModelForm):
    class Meta:
        model = MarketClosure
        fields = ("day", "closes_at", "reason")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        today = timezone.now().astimezone(calendar.NEW_YORK).date()
        try:
            closures.check(self.instance, today=today)
        except Refusal as refusal:
            # When an existing closure is changed, the day is read-only and not a field of the form.
            self.add_error(refusal.field if refusal.field in self.fields else None, refusal.detail)


@admin.register(MarketClosure)
class MarketClosureAdmin(ModelAdmin[MarketClosure]):
    """Unscheduled closures: days without a session, or with a short one, that no rule foresees."""

    form = ClosureForm
    list_display = ("day", "closes_at", "reason")
    date_hierarchy = "day"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The day is the primary key: changing it would add a row and close that day too."""
        return () if obj is None else ("day",)

    def save_model(self, request: HttpRequest, obj: MarketClosure, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        closures.forget()

    def delete_model(self, request: HttpRequest, obj: MarketClosure) -> None:
        super().delete_model(request, obj)
        closures.forget()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MarketClosure]) -> None:
        super().delete_queryset(request, queryset)
        closures.forget()


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
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
class SimulatorAdmin(ReadOnlyAdmin):
    list_display = ("name", "holder", "lease_until", "rounds")
    exclude = ("state",)
