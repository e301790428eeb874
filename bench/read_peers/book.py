"""The book: the street's levels, which follow from the quote by rule, and resting orders."""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import HTTPException, Query
from fastapi.responses import JSONResponse

from bench.read_peers.fastapi_app import CurrentUser, application, rows

QUOTE = (
    "SELECT i.id, i.symbol, i.scale, i.price_increment, i.quantity_increment, q.* "
    "FROM exchange_instrument i JOIN exchange_quote q ON q.instrument_id = i.id "
    "WHERE i.symbol = %s"
)
RESTING = (
    "SELECT o.limit_price, SUM(o.quantity - o.filled_quantity)::bigint AS units "
    "FROM exchange_order o "
    "WHERE o.instrument_id = %s AND o.side = %s AND o.status IN ('new', 'partially_filled') "
    "AND NOT o.armed AND o.limit_price IS NOT NULL AND (o.expires_at IS NULL OR o.expires_at > %s) "
    "GROUP BY o.limit_price ORDER BY o.limit_price {direction} LIMIT %s"
)
EXITS_ONCE = (
    "AND NOT EXISTS (SELECT 1 FROM exchange_order other WHERE other.pair_id = o.pair_id "
    "AND other.status IN ('new', 'partially_filled') AND NOT other.armed "
    "AND (other.limit_price, other.id) < (o.limit_price, o.id)) GROUP BY"
)
BIDS = RESTING.format(direction="DESC")
ASKS = RESTING.format(direction="ASC").replace("GROUP BY", EXITS_ONCE)
SIZES = (100, 60, 140, 90, 110, 75, 130, 105, 95, 120)
STREET = 10


@application.get("/api/exchange/api/v1/market-data/{symbol}/book/")
async def book(
    _: CurrentUser, symbol: str, depth: Annotated[int, Query(ge=1, le=50)] = 10
) -> JSONResponse:
    quotes = await rows(QUOTE, symbol)
    if not quotes:
        raise HTTPException(404)
    [quote] = quotes
    now = datetime.now(UTC)
    bids = await rows(BIDS, quote["id"], "buy", now, depth)
    asks = await rows(ASKS, quote["id"], "sell", now, depth)
    return JSONResponse(
        {
            "symbol": symbol,
            "sequence": quote["sequence"],
            "bids": _side(quote, bids, depth, is_bid=True),
            "asks": _side(quote, asks, depth, is_bid=False),
        }
    )


def _side(
    quote: dict[str, Any], resting: list[dict[str, Any]], depth: int, *, is_bid: bool
) -> list[list[str]]:
    units: dict[Decimal, int] = defaultdict(int)
    best, size = (quote["bid"], quote["bid_size"]) if is_bid else (quote["ask"], quote["ask_size"])
    increment = quote["price_increment"]
    step = increment * max(int(best / 5000 / increment), 1) * (-1 if is_bid else 1)
    for index in range(STREET):
        units[best + step * index] += size * SIZES[index] // 100
    for row in resting:
        units[row["limit_price"]] += row["units"]
    unit = Decimal(10) ** quote["scale"]
    return [
        [f"{price:.2f}", f"{(units[price] / unit).normalize():f}"]
        for price in sorted(units, reverse=is_bid)[:depth]
    ]
