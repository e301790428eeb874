"""A page of candles, read from the database each time."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import HTTPException, Query
from fastapi.responses import JSONResponse

from bench.read_peers.fastapi_app import CurrentUser, application, rows

INSTRUMENT = "SELECT id, symbol, scale FROM exchange_instrument WHERE symbol = %s"
CANDLES = (
    "SELECT time, open, high, low, close, volume FROM exchange_candle "
    "WHERE instrument_id = %s AND interval = %s AND time >= %s AND time < %s "
    "ORDER BY time DESC LIMIT %s"
)
FIRST, LAST = datetime.fromisoformat("1970-01-01T00:00Z"), datetime.fromisoformat("9999-01-01T00Z")


@application.get("/api/exchange/api/v1/market-data/{symbol}/")
async def candles(
    _: CurrentUser,
    symbol: str,
    interval: str = "1d",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> JSONResponse:
    instruments = await rows(INSTRUMENT, symbol)
    if not instruments:
        raise HTTPException(404)
    [instrument] = instruments
    found = await rows(CANDLES, instrument["id"], interval, FIRST, LAST, limit)
    unit = Decimal(10) ** instrument["scale"]
    answer = {
        "symbol": symbol,
        "interval": interval,
        "candles": [_document(row, unit) for row in reversed(found)],
        "next": None,
    }
    return JSONResponse(answer)


def _document(row: dict[str, Any], unit: Decimal) -> dict[str, str]:
    return {
        "time": f"{row['time']:%Y-%m-%dT%H:%M:%S.%fZ}",
        "open": f"{row['open']:.2f}",
        "high": f"{row['high']:.2f}",
        "low": f"{row['low']:.2f}",
        "close": f"{row['close']:.2f}",
        "volume": f"{(row['volume'] / unit).normalize():f}",
    }
