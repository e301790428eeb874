"""Examples of account statements for the schema: the account of docs/statements.md, in April."""

from drf_spectacular.utils import OpenApiExample

_MONTH = {
    "id": "2026-04",
    "type": "month",
    "start": "2026-04-01T00:00:00.000000Z",
    "end": "2026-05-01T00:00:00.000000Z",
    "preliminary": False,
}
_BOUGHT = "019cb436-8d80-7000-90b6-b49d56fff511"
_SOLD = "019daac3-0200-7000-92c1-9114b37c9d5d"

PERIOD = OpenApiExample("A month", value=_MONTH, response_only=True, status_codes=["200"])
STATEMENT = OpenApiExample(
    "A month",
    value={
        **_MONTH,
        "as_of": _MONTH["end"],
        "account": {"holder": "Ada Lovelace", "email": "ada@example.com"},
        "currency": "USD",
        "lot_method": "fifo",
        "fees_in_cost": True,
        "equity": {
            "opening": "10080.00",
            "net_deposits": "-1000.00",
            "income": "1.50",
            "realized_gains": "20.00",
            "unrealized_gains": "-20.00",
            "fees": "0.00",
            "other": "0.00",
            "closing": "9081.50",
        },
        "cash": {
            "opening": "8100.00",
            "deposits": "0.00",
            "withdrawals": "-1000.00",
            "returned_deposits": "0.00",
            "transfers_in": "0.00",
            "adjustments": "0.00",
            "deliveries": "0.00",
            "purchases": "0.00",
            "sales": "780.00",
            "redemptions": "0.00",
            "dividends": "1.50",
            "coupons": "0.00",
            "reversals": "0.00",
            "other": "0.00",
            "closing": "7881.50",
        },
        "fees": "0.00",
        "realized_gains": {"short_term": "20.00", "long_term": "0.00", "total": "20.00"},
        "holdings": [
            {
                "symbol": "AAPL",
                "name": "Apple Inc.",
                "asset_class": "stock",
                "quantity": "6",
                "price": "200.00",
                "accrued_interest": "0.00",
                "market_value": "1200.00",
                "cost_basis": "1140.00",
                "unrealized_pnl": "60.00",
            }
        ],
        "trades": [
            {
                "id": _SOLD,
                "executed_at": "2026-04-20T12:00:00.000000Z",
                "symbol": "AAPL",
                "side": "sell",
                "quantity": "4",
                "price": "195.00",
                "accrued_interest": "0.00",
                "fee": "0.00",
                "amount": "780.00",
            }
        ],
        "transfers": [
            {
                "id": "019db536-1600-7000-a4ad-a888015d72cf",
                "booked_at": "2026-04-22T12:00:00.000000Z",
                "type": "withdrawal",
                "amount": "-1000.00",
            }
        ],
        "deliveries": [],
        "income": [
            {
                "id": "019dafe9-5e00-7000-821c-947aa121fff2",
                "paid_at": "2026-04-21T12:00:00.000000Z",
                "symbol": "AAPL",
                "type": "dividend",
                "amount": "1.50",
            }
        ],
        "corporate_actions": [],
        "realized": [
            {
                "id": _SOLD,
                "lot_id": _BOUGHT,
                "symbol": "AAPL",
                "quantity": "4",
                "acquired_at": "2026-03-03T15:00:00.000000Z",
                "sold_at": "2026-04-20T12:00:00.000000Z",
                "proceeds": "780.00",
                "cost_basis": "760.00",
                "gain": "20.00",
                "term": "short",
            }
        ],
    },
    response_only=True,
    status_codes=["200"],
    media_type="application/json",
)
