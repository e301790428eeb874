"""What the OpenAPI schema says of the whole API, and of each group of its operations."""

DESCRIPTION = (
    "A brokerage backend: accounts, money, orders, live prices. Decimals are strings in plain "
    "notation, times are RFC 3339 in UTC with six decimals of a second, errors are problem "
    "documents (RFC 9457). Live prices and order updates come over the WebSocket at "
    "`/ws/market-data/`."
)
TAGS = [
    {"name": "Authentication", "description": "Users, their sessions and tokens."},
    {"name": "Banking", "description": "Bank accounts, deposits, withdrawals, the ledger."},
    {"name": "Market data", "description": "Instruments, quotes, candles, statistics, books."},
    {"name": "Orders", "description": "Orders of every type, and their executions."},
    {"name": "Portfolio", "description": "Holdings, tax lots, gains and performance."},
    {"name": "Status", "description": "Whether this server can do its work."},
]
