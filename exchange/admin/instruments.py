"""What trades here: to look at, to halt and to resume."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from banking.admin import LookOnly
from exchange.models import Bond, Instrument, InstrumentStatus
from exchange.trading import halts

if TYPE_CHECKING:  # generic for the type checker only
    InstrumentModelAdmin = admin.ModelAdmin[Instrument]
    BondStackedInline = admin.StackedInline[Bond, Instrument]
else:
    InstrumentModelAdmin = admin.ModelAdmin
    BondStackedInline = admin.StackedInline


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
