"""The market and its orders for administrators. Only instruments can be changed."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from banking.admin import LookOnly, LookOnlyAdmin
from be.api.identifiers import uuid7
from exchange.market import hours
from exchange.models import (
    ActionKind,
    Bond,
    CorporateAction,
    Entitlement,
    Execution,
    FeeSchedule,
    Instrument,
    InstrumentStatus,
    MarketClosure,
    Order,
    Quote,
    Simulator,
)
from exchange.trading import halts

if TYPE_CHECKING:  # generic for the type checker only
    InstrumentModelAdmin = admin.ModelAdmin[Instrument]
    FeeScheduleModelAdmin = admin.ModelAdmin[FeeSchedule]
    MarketClosureModelAdmin = admin.ModelAdmin[MarketClosure]
    BondStackedInline = admin.StackedInline[Bond, Instrument]
    ExecutionTabularInline = admin.TabularInline[Execution, Order]
    CorporateActionModelAdmin = admin.ModelAdmin[CorporateAction]
    EntitlementTabularInline = admin.TabularInline[Entitlement, CorporateAction]
    ActionModelForm = forms.ModelForm[CorporateAction]
else:
    InstrumentModelAdmin = FeeScheduleModelAdmin = MarketClosureModelAdmin = admin.ModelAdmin
    BondStackedInline = admin.StackedInline
    ExecutionTabularInline = EntitlementTabularInline = admin.TabularInline
    CorporateActionModelAdmin = admin.ModelAdmin
    ActionModelForm = forms.ModelForm


class CorporateActionForm(ActionModelForm):
    """What an administrator may enter: dividends and splits of what is not a bond."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (ActionKind.DIVIDEND, ActionKind.SPLIT)]
    )

    class Meta:
        model = CorporateAction
        fields = (
            "instrument",
            "kind",
            "ex_date",
            "payable_date",
            "amount",
            "new_shares",
            "old_shares",
        )

    def clean_instrument(self) -> Instrument:
        instrument: Instrument = self.cleaned_data["instrument"]
        if instrument.is_bond:
            raise forms.ValidationError("What a bond pays is announced by itself.")
        return instrument

    def clean(self) -> None:
        """A split is one moment: it has no days between those who get it and those who don't."""
        super().clean()
        given = self.cleaned_data
        if given.get("kind") != ActionKind.SPLIT:
            return
        if given.get("payable_date") != given.get("ex_date"):
            self.add_error("payable_date", "A split is carried out on its ex-date.")
        if given.get("new_shares") == given.get("old_shares"):
            self.add_error("new_shares", "That changes nothing.")


class BondInline(LookOnly, BondStackedInline):
    model = Bond
    extra = 0


@admin.register(Instrument)
class InstrumentAdmin(InstrumentModelAdmin):
    list_display = ("symbol", "name", "asset_class", "status", "tradable", "price")
    list_filter = ("asset_class", "status", "tradable")
    search_fields = ("symbol", "name")
    list_select_related = ("quote",)
    # Scale and increments are what balances and orders are counted in.
    readonly_fields = (
        "id",
        "symbol",
        "asset_class",
        "currency",
        "scale",
        "price_increment",
        "quantity_increment",
        "min_quantity",
        "status",
    )
    inlines = (BondInline,)
    actions = ("halt", "resume")

    @admin.display(description="price")
    def price(self, instrument: Instrument) -> str:
        quote = getattr(instrument, "quote", None)
        return "-" if quote is None else f"{quote.price.normalize():f}"

    @admin.action(description="Halt trading")
    def halt(self, request: HttpRequest, chosen: QuerySet[Instrument]) -> None:
        self._change(request, chosen, InstrumentStatus.HALTED)

    @admin.action(description="Resume trading")
    def resume(self, request: HttpRequest, chosen: QuerySet[Instrument]) -> None:
        self._change(request, chosen, InstrumentStatus.ACTIVE)

    def _change(
        self, request: HttpRequest, chosen: QuerySet[Instrument], status: InstrumentStatus
    ) -> None:
        for instrument in chosen:
            if halts.set_status(symbol=instrument.symbol, status=status, now=timezone.now()):
                self.log_change(request, instrument, f"Trading {status}.")
        self.message_user(request, f"{len(chosen)} instruments are now {status}.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class EntitlementInline(LookOnly, EntitlementTabularInline):
    model = Entitlement
    extra = 0


@admin.register(CorporateAction)
class CorporateActionAdmin(CorporateActionModelAdmin):
    """Dividends and splits are entered here; what bonds pay is announced by itself.

    They are carried out by the simulator, or by `manage.py run_corporate_actions`, when they fall
    due. Until then they may be changed or deleted, never after.
    """

    list_display = (
        "instrument",
        "kind",
        "ex_date",
        "payable_date",
        "amount",
        "new_shares",
        "old_shares",
        "carried_out_at",
    )
    list_filter = ("kind", "carried_out_at")
    search_fields = ("instrument__symbol",)
    list_select_related = ("instrument",)
    form = CorporateActionForm
    inlines = (EntitlementInline,)

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        """Locked while it is changed, so that it is not carried out meanwhile: see `due`."""
        found = super().get_object(request, object_id, *args)
        if found is not None and request.method == "POST":
            found = self.get_queryset(request).select_for_update(of=("self",)).get(pk=found.pk)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            now = timezone.now()
            obj.pk, obj.announced_at = uuid7(now), now
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_ahead(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_ahead(obj)


def _is_ahead(action: CorporateAction | None) -> bool:
    return action is None or action.carried_out_at is None


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
    list_display = ("instrument", "price", "bid", "ask", "timestamp", "sequence")
    list_select_related = ("instrument",)


class ExecutionInline(LookOnly, ExecutionTabularInline):
    model = Execution
    extra = 0


@admin.register(Order)
class OrderAdmin(LookOnlyAdmin):
    list_display = (
        "created_at",
        "owner",
        "instrument",
        "side",
        "order_type",
        "amount",
        "limit_price",
        "stop_price",
        "status",
    )
    list_filter = ("status", "order_type", "order_class", "side", "instrument__asset_class")
    search_fields = ("id", "owner__email", "instrument__symbol", "client_order_id")
    list_select_related = ("owner", "instrument")
    ordering = ("-id",)
    inlines = (ExecutionInline,)

    @admin.display(description="quantity")
    def amount(self, order: Order) -> str:
        if order.quantity is None:
            return "-"
        return f"{order.instrument.asset.amount(order.quantity).normalize():f}"


@admin.register(Execution)
class ExecutionAdmin(LookOnlyAdmin):
    list_display = ("executed_at", "order", "price", "quantity", "cents", "fee_cents", "liquidity")
    list_select_related = ("order",)
    ordering = ("-id",)


@admin.register(Simulator)
class SimulatorAdmin(LookOnlyAdmin):
    list_display = ("name", "holder", "lease_until", "rounds")
    exclude = ("state",)
