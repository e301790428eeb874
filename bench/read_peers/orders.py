"""A page of the user's orders, with their executions and legs."""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import JSONResponse

from bench.read_peers.executions import execution
from bench.read_peers.fastapi_app import CurrentUser, application, rows
from bench.read_peers.pages import PageSize, amount, money, page, price, time

COLUMNS = (
    "SELECT o.*, i.symbol, i.asset_class, i.scale, i.price_increment FROM exchange_order o "
    "JOIN exchange_instrument i ON i.id = o.instrument_id "
)
ORDERS = f"{COLUMNS} WHERE o.owner_id = %s ORDER BY o.id DESC LIMIT %s"
LEGS = f"{COLUMNS} WHERE o.parent_id = ANY(%s) ORDER BY o.id"
FILLS = "SELECT * FROM exchange_execution WHERE order_id = ANY(%s) ORDER BY id"

Grouped = dict[UUID, list[dict[str, Any]]]


@application.get("/api/exchange/api/v1/orders/")
async def orders(user: CurrentUser, request: Request, page_size: PageSize = 50) -> JSONResponse:
    found = await rows(ORDERS, user, page_size + 1)
    tied = [row["id"] for row in found if row["order_class"] != "simple" and not row["parent_id"]]
    legs = await rows(LEGS, tied) if tied else []
    filled = [row["id"] for row in (*found, *legs) if row["filled_quantity"]]
    fills = _grouped(await rows(FILLS, filled) if filled else [], "order_id")
    legs_of = _grouped(legs, "parent_id")

    def document(row: dict[str, Any]) -> dict[str, Any]:
        made = [_order(leg, fills) for leg in legs_of.get(row["id"], ())]
        return {**_order(row, fills), "legs": made}

    return JSONResponse(page(request, found, page_size, document))


def _grouped(found: list[dict[str, Any]], name: str) -> Grouped:
    groups: Grouped = defaultdict(list)
    for row in found:
        groups[row[name]].append(row)
    return groups


def _order(row: dict[str, Any], fills_of: Grouped) -> dict[str, Any]:
    scale, increment, fills = row["scale"], row["price_increment"], fills_of.get(row["id"], ())
    notional, percent = row["notional_cents"], row["trail_percent"]
    units, mean = sum(fill["quantity"] for fill in fills), None
    if units:
        total = sum(fill["price"] * fill["quantity"] for fill in fills)
        mean = (total / units).quantize(Decimal("1e-8"))
    return {
        "id": str(row["id"]),
        "client_order_id": row["client_order_id"],
        "symbol": row["symbol"],
        "asset_class": row["asset_class"],
        "side": row["side"],
        "order_type": row["order_type"],
        "order_class": row["order_class"],
        "time_in_force": row["time_in_force"],
        "quantity": amount(row["quantity"], scale),
        "notional": None if notional is None else money(notional),
        "limit_price": price(row["limit_price"], increment),
        "stop_price": price(row["stop_price"], increment),
        "trail_amount": price(row["trail_amount"], increment),
        "trail_percent": None if percent is None else amount(int(percent.scaleb(4)), 4),
        "lots": None,  # no order here names any
        "status": row["status"],
        "filled_quantity": amount(row["filled_quantity"], scale),
        "remaining_quantity": amount((row["quantity"] or 0) - row["filled_quantity"], scale),
        "average_fill_price": price(mean, increment),
        "fees": money(sum(fill["fee_cents"] for fill in fills)),
        "reject_reason": row["reject_reason"] or None,
        "parent_id": row["parent_id"] and str(row["parent_id"]),
        "replaces": row["replaces_id"] and str(row["replaces_id"]),
        "replaced_by": row["replaced_by_id"] and str(row["replaced_by_id"]),
        "created_at": time(row["created_at"]),
        "updated_at": time(row["updated_at"]),
        "filled_at": time(row["filled_at"]),
        "canceled_at": time(row["canceled_at"]),
        "expires_at": time(row["expires_at"]),
        "executions": [execution(fill, scale, increment) for fill in fills],
    }
