"""Examples for the schema, the same throughout."""

from drf_spectacular.utils import OpenApiExample

QUOTE = {
    "symbol": "AAPL",
    "price": "191.25",
    "bid": "191.24",
    "ask": "191.26",
    "bid_size": "420",
    "ask_size": "310",
    "previous_close": "190.10",
    "change": "1.15",
    "change_percent": "0.6049",
    "open": "190.20",
    "high": "191.90",
    "low": "189.85",
    "volume": "48210345",
    "timestamp": "2026-03-02T15:00:02.000000Z",
    "sequence": 4711,
}

EXECUTION = {
    "id": "0195575a-2b4c-7d3e-8f10-1a2b3c4d5e6f",
    "price": "191.26",
    "quantity": "1.5",
    "amount": "286.89",
    "accrued_interest": "0",
    "fee": "0.00",
    "liquidity": "taker",
    "executed_at": "2026-03-02T15:00:03.120000Z",
}

ORDER = {
    "id": "0195575a-2b4c-7a00-9c11-aabbccddeeff",
    "client_order_id": "my-first-order",
    "symbol": "AAPL",
    "asset_class": "stock",
    "side": "buy",
    "order_type": "market",
    "order_class": "simple",
    "time_in_force": "day",
    "quantity": "1.5",
    "notional": None,
    "limit_price": None,
    "stop_price": None,
    "trail_amount": None,
    "trail_percent": None,
    "lots": None,
    "status": "filled",
    "filled_quantity": "1.5",
    "remaining_quantity": "0",
    "average_fill_price": "191.26",
    "fees": "0.00",
    "reject_reason": None,
    "parent_id": None,
    "replaces": None,
    "replaced_by": None,
    "created_at": "2026-03-02T15:00:03.120000Z",
    "updated_at": "2026-03-02T15:00:03.120000Z",
    "filled_at": "2026-03-02T15:00:03.120000Z",
    "canceled_at": None,
    "expires_at": "2026-03-03T00:00:00.000000Z",
    "executions": [EXECUTION],
    "legs": [],
}

ORDER_EXAMPLES = [
    OpenApiExample(
        "Market order",
        value={"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1.5"},
        request_only=True,
    ),
    OpenApiExample(
        "Dollars instead of a quantity",
        value={"symbol": "BTC-USD", "side": "buy", "order_type": "market", "notional": "250.00"},
        request_only=True,
    ),
    OpenApiExample(
        "Limit order",
        value={
            "symbol": "AAPL",
            "side": "buy",
            "order_type": "limit",
            "quantity": "2",
            "limit_price": "180.00",
            "time_in_force": "gtc",
            "client_order_id": "dip-1",
        },
        request_only=True,
    ),
    OpenApiExample(
        "Trailing stop",
        value={
            "symbol": "AAPL",
            "side": "sell",
            "order_type": "trailing_stop",
            "quantity": "1.5",
            "trail_percent": "5",
            "time_in_force": "gtc",
        },
        request_only=True,
    ),
    OpenApiExample(
        "Bracket",
        value={
            "symbol": "AAPL",
            "side": "buy",
            "order_type": "limit",
            "quantity": "2",
            "limit_price": "185.00",
            "order_class": "bracket",
            "take_profit": {"limit_price": "200.00"},
            "stop_loss": {"stop_price": "180.00"},
        },
        request_only=True,
    ),
    OpenApiExample(
        "Sale out of named lots",
        value={
            "symbol": "AAPL",
            "side": "sell",
            "order_type": "market",
            "quantity": "1.5",
            "lots": [{"id": EXECUTION["id"], "quantity": "1.5"}],
        },
        request_only=True,
    ),
    OpenApiExample("Filled", value=ORDER, response_only=True, status_codes=["201"]),
]

REPLACE_EXAMPLES = [
    OpenApiExample("Another limit", value={"limit_price": "182.50"}, request_only=True),
    OpenApiExample(
        "Replaced",
        value={
            **ORDER,
            "order_type": "limit",
            "limit_price": "182.50",
            "status": "new",
            "filled_quantity": "0",
            "remaining_quantity": "1.5",
            "average_fill_price": None,
            "replaces": "0195575a-1111-7a00-9c11-aabbccddeeff",
            "filled_at": None,
            "executions": [],
        },
        response_only=True,
        status_codes=["201"],
    ),
]
