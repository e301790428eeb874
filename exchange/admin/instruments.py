"""Admin pages of instruments: change the name, halt and resume trading."""

from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin import helpers
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from be.admin_pages.base import ModelAdmin, ReadOnly, StackedInline
from be.kernel.refusals import Refusal
from exchange.market.rules import calendar
from exchange.models import OPEN_STATUSES, Bond, Instrument, InstrumentStatus, Order
from exchange.trading import halts

if TYPE_CHECKING:  # generic for the type checker only
    InstrumentModelForm = forms.ModelForm[Instrument]
else:
    InstrumentModelForm = forms.ModelForm

# Halting more than these asks for confirmation: one click selects all.
HALTED_WITHOUT_ASKING = 5


class InstrumentForm(InstrumentModelForm):
    class Meta:
        model = Instrument
        fields = ("name", "tradable")

    def clean(self) -> None:
        super().clean()
        if not self.cleaned_data.get("tradable"):
            return
        try:
            halts.check_not_matured(symbol=self.instance.symbol, today=_today())
        except Refusal as refusal:
            self.add_error(refusal.field, refusal.detail)


class BondInline(ReadOnly, StackedInline[Bond, Instrument]):
    model = Bond
    extra = 0


@admin.register(Instrument)
class InstrumentAdmin(ModelAdmin[Instrument]):
    list_display = ("symbol", "name", "asset_class", "status", "tradable", "price")
    list_filter = ("asset_class", "status", "tradable")
    search_fields = ("symbol", "name")
    list_select_related = ("quote",)
    # Balances and orders are counted in these units, so they never change.
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
    form = InstrumentForm
    inlines = (BondInline,)
    actions = ("halt", "resume")

    @admin.display(description="price")
    def price(self, instrument: Instrument) -> str:
        quote = getattr(instrument, "quote", None)
        return "-" if quote is None else f"{quote.price.normalize():f}"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the changed fields only: trading may have been halted since the form was loaded."""
        if "name" in form.changed_data:
            halts.rename(symbol=obj.symbol, name=obj.name)
        if "tradable" in form.changed_data:
            halts.set_tradable(symbol=obj.symbol, tradable=obj.tradable, today=_today())

    @admin.action(description="Halt trading", permissions=["change"])
    def halt(self, request: HttpRequest, chosen: QuerySet[Instrument]) -> HttpResponse | None:
        if len(chosen) > HALTED_WITHOUT_ASKING and "confirmed" not in request.POST:
            return self._ask(request, chosen)
        self._change(request, chosen, InstrumentStatus.HALTED)
        return None

    @admin.action(description="Resume trading", permissions=["change"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Instrument]) -> None:
        self._change(request, chosen, InstrumentStatus.ACTIVE)

    def _ask(self, request: HttpRequest, chosen: QuerySet[Instrument]) -> HttpResponse:
        waiting = Order.objects.filter(instrument__in=chosen, status__in=OPEN_STATUSES)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Halt {len(chosen)} instruments?",
            "opts": self.opts,
            "chosen": chosen,
            "waiting": waiting.count(),
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/exchange/instrument/halt.html", context)

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


def _today() -> date:
    return timezone.now().astimezone(calendar.NEW_YORK).date()
