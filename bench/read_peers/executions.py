"""A page of the user's executions, each with the order that it is of."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from bench.read_peers.fastapi_app import CurrentUser, application, rows
from bench.read_peers.pages import PageSize, amount, money, page, price, time

FILLS = (
    "SELECT x.*, o.side, i.symbol, i.scale, i.price_increment FROM exchange_execution x "
    "JOIN exchange_order o ON o.id = x.order_id "
    "JOIN exchange_instrument i ON i.id = o.instrument_id "
    "WHERE x.owner_id = %s ORDER BY x.id DESC LIMIT %s"
)


@application.get("/api/exchange/api/v1/executions/")
async def executions(user: CurrentUser, request: Request, page_size: PageSize = 50) -> JSONResponse:
    return JSONResponse(page(request, await rows(FILLS, user, page_size + 1), page_size, _fill))


def execution(row: dict[str, Any], scale: int, increment: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "price": price(row["price"], increment),
        "quantity": amount(row["quantity"], scale),
        "amount": money(row["cents"]),
        "accrued_interest": amount(int(row["accrued_interest"].scaleb(8)), 8),
        "fee": money(row["fee_cents"]),
        "liquidity": row["liquidity"],
        "executed_at": time(row["executed_at"]),
    }


def _fill(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **execution(row, row["scale"], row["price_increment"]),
        "order_id": str(row["order_id"]),
        "symbol": row["symbol"],
        "side": row["side"],
    }
