"""What trades, and by which rules: read from the database each time."""

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse

from bench.read_peers.fastapi_app import CurrentUser, application, rows

INSTRUMENTS = (
    "SELECT i.id, i.symbol, i.name, i.asset_class, i.currency, i.price_increment, "
    "i.quantity_increment, i.min_quantity, i.tradable, i.status, b.instrument_id AS bond, "
    "b.coupon_rate, b.maturity_date, b.frequency, b.day_count, b.face_value "
    "FROM exchange_instrument i LEFT JOIN exchange_bond b ON b.instrument_id = i.id "
    "WHERE %s::text IS NULL OR i.asset_class = %s ORDER BY i.symbol"
)


@application.get("/api/exchange/api/v1/market-data/supported_symbols/")
async def supported_symbols(
    _: CurrentUser, asset_class: Annotated[str | None, Query()] = None
) -> JSONResponse:
    found = await rows(INSTRUMENTS, asset_class, asset_class)
    return JSONResponse({"results": [_document(row) for row in found]})


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "symbol": row["symbol"],
        "name": row["name"],
        "asset_class": row["asset_class"],
        "currency": row["currency"],
        "price_increment": f"{row['price_increment'].normalize():f}",
        "quantity_increment": f"{row['quantity_increment'].normalize():f}",
        "min_quantity": f"{row['min_quantity'].normalize():f}",
        "tradable": row["tradable"],
        "status": row["status"],
        "bond": _bond(row) if row["bond"] else None,
    }


def _bond(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "coupon_rate": f"{row['coupon_rate'].normalize():f}",
        "maturity_date": row["maturity_date"].isoformat(),
        "frequency": row["frequency"],
        "day_count": row["day_count"],
        "face_value": f"{row['face_value'].normalize():f}",
    }
