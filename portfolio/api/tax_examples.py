"""Examples of what taxes are computed from, all of one account.

Alice bought 10 AAPL at 190.00, sold 4 of them at 170.00 the day after, and bought 3 at 171.00 a
week later.
"""

from drf_spectacular.utils import OpenApiExample

from portfolio.api.examples import AAPL, BOUGHT, BOUGHT_AT, SOLD, SOLD_AT

BOUGHT_AGAIN = "01957b4a-1f2e-7c3d-9a40-2b1c0d9e8f7a"

WASH_SALES = OpenApiExample(
    "Three of four shares were replaced",
    value={
        "year": 2026,
        "lot_method": "fifo",
        "results": [
            {
                **AAPL,
                "id": SOLD,
                "sold_at": SOLD_AT,
                "disallowed_loss": "60.00",
                "parts": [
                    {
                        "lot_id": BOUGHT,
                        "acquired_at": BOUGHT_AT,
                        "held_since": "2026-03-02",
                        "quantity": "4",
                        "proceeds": "680.00",
                        "cost_basis": "760.00",
                        "carried_loss": "0.00",
                        "loss": "80.00",
                        "washed_quantity": "3",
                        "disallowed_loss": "60.00",
                        "replacements": [
                            {
                                "lot_id": BOUGHT_AGAIN,
                                "acquired_at": "2026-03-10T14:00:00.000000Z",
                                "quantity": "3",
                                "cost_basis": "513.00",
                                "disallowed_loss": "60.00",
                                "adjusted_cost_basis": "573.00",
                                "held_since": "2026-03-09",
                            }
                        ],
                    }
                ],
            }
        ],
        "totals": {
            "sales": 1,
            "disallowed_loss": "60.00",
            "short_term_disallowed_loss": "60.00",
            "long_term_disallowed_loss": "0.00",
        },
    },
    response_only=True,
    status_codes=["200"],
)

FORM_8949 = OpenApiExample(
    "One sale",
    value={
        "year": 2026,
        "lot_method": "fifo",
        "results": [
            {
                "part": "I",
                "box": "C",
                "description": "4 sh. AAPL",
                "date_acquired": "2026-03-02",
                "date_sold": "2026-03-03",
                "proceeds": "680.00",
                "cost_basis": "760.00",
                "code": "W",
                "adjustment": "60.00",
                "gain": "-20.00",
                "symbol": "AAPL",
                "quantity": "4",
                "sale_id": SOLD,
                "lot_id": BOUGHT,
            }
        ],
        "totals": [
            {
                "part": "I",
                "box": "C",
                "proceeds": "680.00",
                "cost_basis": "760.00",
                "adjustment": "60.00",
                "gain": "-20.00",
            }
        ],
    },
    response_only=True,
    media_type="application/json",
    status_codes=["200"],
)
