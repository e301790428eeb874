"""Newest quotes, read from the database each time.

Less than our own answer: what customers took of the sizes is not counted, and bonds have no yield
and no accrued interest, which take the terms of the bond and a calendar.
"""

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse

from bench.read_peers.fastapi_app import CurrentUser, application, rows

QUOTES = (
    "SELECT i.symbol, i.scale, i.price_increment, q.* FROM exchange_quote q "
    "JOIN exchange_instrument i ON i.id = q.instrument_id "
    "WHERE %s::text[] IS NULL OR i.symbol = ANY(%s) ORDER BY i.symbol"
)


@application.get("/api/exchange/api/v1/market-data/current_prices/")
async def current_prices(
    _: CurrentUser, symbols: Annotated[str | None, Query()] = None
) -> JSONResponse:
    wanted = None if symbols is None else symbols.split(",")
    return JSONResponse({"results": [_document(row) for row in await rows(QUOTES, wanted, wanted)]})


def _document(row: dict[str, Any]) -> dict[str, Any]:
    change, unit = row["price"] - row["previous_close"], 10 ** row["scale"]
    return {
        "symbol": row["symbol"],
        "price": f"{row['price']:.2f}",
        "bid": f"{row['bid']:.2f}",
        "ask": f"{row['ask']:.2f}",
        "bid_size": f"{row['bid_size'] / unit:g}",
        "ask_size": f"{row['ask_size'] / unit:g}",
        "previous_close": f"{row['previous_close']:.2f}",
        "change": f"{change:.2f}",
        "change_percent": f"{change / row['previous_close'] * 100:.4f}",
        "open": f"{row['open']:.2f}",
        "high": f"{row['high']:.2f}",
        "low": f"{row['low']:.2f}",
        "volume": f"{row['volume'] / unit:g}",
        "timestamp": row["timestamp"].isoformat(),
        "sequence": row["sequence"],
    }
