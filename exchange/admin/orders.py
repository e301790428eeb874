"""Read-only admin pages of orders and executions."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from be.admin_pages.base import ReadOnly, ReadOnlyAdmin, TabularInline
from exchange.admin import amounts
from exchange.models import Execution, Order

QUANTITY = amounts.quantity("quantity")
FILLED = amounts.quantity("filled_quantity")
NOTIONAL = amounts.dollars("notional_cents", "notional")
LIMIT, STOP = amounts.price("limit_price"), amounts.price("stop_price")
TRADED_AT = amounts.price("price")
MONEY, FEE = amounts.dollars("cents", "amount"), amounts.dollars("fee_cents", "fee")
OTHER_PRICES = tuple(map(amounts.price, ("collar_price", "trail_amount", "peak_price")))


class ExecutionInline(ReadOnly, TabularInline[Execution, Order]):
    model = Execution
    fields = ("executed_at", TRADED_AT, QUANTITY, MONEY, FEE, "accrued_interest", "liquidity")
    readonly_fields = (TRADED_AT, QUANTITY, MONEY, FEE)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        return super().get_queryset(request).select_related("order__instrument")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "owner",
        "instrument",
        "side",
        "order_type",
        QUANTITY,
        NOTIONAL,
        FILLED,
        LIMIT,
        STOP,
        "status",
    )
    fields = (
        "id",
        "owner",
        "client_order_id",
        "instrument",
        ("side", "order_type", "time_in_force", "order_class"),
        (QUANTITY, NOTIONAL, FILLED),
        (LIMIT, STOP),
        (*OTHER_PRICES, "trail_percent", "armed"),
        "lots",
        ("maker_fee_bps", "taker_fee_bps"),
        ("status", "reject_reason"),
        ("parent", "pair_id", "replaces", "replaced_by"),
        ("created_at", "updated_at"),
        ("filled_at", "canceled_at", "expires_at"),
    )
    readonly_fields = (QUANTITY, NOTIONAL, FILLED, LIMIT, STOP, *OTHER_PRICES)
    list_filter = ("status", "order_type", "order_class", "side", "instrument__asset_class")
    search_fields = ("id", "owner__email", "instrument__symbol", "client_order_id")
    list_select_related = ("owner", "instrument")
    ordering = ("-id",)
    inlines = (ExecutionInline,)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = (
        "executed_at",
        "owner",
        "order",
        TRADED_AT,
        QUANTITY,
        MONEY,
        FEE,
        "liquidity",
    )
    fields = (
        "id",
        "order",
        "owner",
        "trade_id",
        TRADED_AT,
        QUANTITY,
        MONEY,
        FEE,
        "accrued_interest",
        "liquidity",
        "executed_at",
    )
    readonly_fields = (TRADED_AT, QUANTITY, MONEY, FEE)
    list_select_related = ("owner", "order__instrument")
    search_fields = ("=id", "owner__email", "order__instrument__symbol")
    ordering = ("-id",)
