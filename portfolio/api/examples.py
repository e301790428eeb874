"""Examples for the schema, all of one account.

Alice deposited 10,000 and bought 10 AAPL at 190.00, then sold 4 of them at 195.00. It is at 200.00
now, and closed at 198.00 yesterday.
"""

from drf_spectacular.utils import OpenApiExample

AAPL = {"symbol": "AAPL", "name": "Apple Inc.", "asset_class": "stock"}
BOUGHT = "0195575a-2b4c-7d3e-8f10-1a2b3c4d5e6f"
SOLD = "01955c80-95cc-7b1e-8a20-6f5e4d3c2b1a"
BOUGHT_AT = "2026-03-02T15:00:00.000000Z"
SOLD_AT = "2026-03-03T15:00:00.000000Z"
NOW = "2026-03-04T15:00:00.000000Z"


def _answer(name: str, value: object) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=["200"])


HOLDINGS = _answer(
    "One holding",
    {
        "results": [
            {
                **AAPL,
                "quantity": "6",
                "available_quantity": "6",
                "average_cost": "190.00",
                "cost_basis": "1140.00",
                "price": "200.00",
                "accrued_interest": "0.00",
                "market_value": "1200.00",
                "unrealized_pnl": "60.00",
                "unrealized_pnl_percent": "5.2632",
                "day_change": "12.00",
                "day_change_percent": "1.0101",
                "price_change": "2.00",
                "price_change_percent": "1.0101",
                "price_change_value": "12.00",
                "realized_pnl": "20.00",
                "fees": "0.00",
                "weight": "0.119048",
            }
        ],
        "totals": {
            "cash": "8880.00",
            "available_cash": "8880.00",
            "debt": "0.00",
            "market_value": "1200.00",
            "equity": "10080.00",
            "cost_basis": "1140.00",
            "unrealized_pnl": "60.00",
            "realized_pnl": "20.00",
            "fees": "0.00",
            "day_change": "12.00",
            "last_close_equity": "10068.00",
            "day_net_deposits": "0.00",
        },
    },
)

LOT = _answer(
    "What is left of a purchase",
    {
        **AAPL,
        "id": BOUGHT,
        "quantity": "6",
        "cost_basis": "1140.00",
        "unit_cost": "190.00",
        "price": "200.00",
        "market_value": "1200.00",
        "unrealized_pnl": "60.00",
        "unrealized_pnl_percent": "5.2632",
        "term": "short",
        "acquired_at": BOUGHT_AT,
    },
)

SALE = _answer(
    "A sale out of one lot",
    {
        **AAPL,
        "id": SOLD,
        "quantity": "4",
        "proceeds": "780.00",
        "cost_basis": "760.00",
        "gain": "20.00",
        "gain_percent": "2.6316",
        "fees": "0.00",
        "short_term_gain": "20.00",
        "long_term_gain": "0.00",
        "sold_at": SOLD_AT,
        "parts": [
            {
                "lot_id": BOUGHT,
                "quantity": "4",
                "proceeds": "780.00",
                "cost_basis": "760.00",
                "gain": "20.00",
                "term": "short",
                "acquired_at": BOUGHT_AT,
            }
        ],
    },
)

ALLOCATION = _answer(
    "Mostly cash",
    {
        "equity": "10080.00",
        "by_asset_class": [
            {"asset_class": "cash", "market_value": "8880.00", "percent": "88.10"},
            {"asset_class": "stock", "market_value": "1200.00", "percent": "11.90"},
        ],
        "by_instrument": [
            {
                "symbol": "USD",
                "name": "US dollar",
                "asset_class": "cash",
                "market_value": "8880.00",
                "percent": "88.10",
            },
            {**AAPL, "market_value": "1200.00", "percent": "11.90"},
        ],
    },
)

PAID = {"dividends": "1.56", "coupons": "0.00", "reversals": "0.00", "total": "1.56"}
INCOME = _answer(
    "One dividend",
    {
        "start": "2026-01-01T00:00:00.000000Z",
        "end": None,
        "totals": PAID,
        "by_month": [{**PAID, "month": "2026-03"}],
        "by_instrument": [{**PAID, **AAPL}],
    },
)

PERFORMANCE = _answer(
    "Three days of a new account",
    {
        "period": "1m",
        "benchmark": "SPY",
        "start": BOUGHT_AT,
        "end": NOW,
        "start_equity": "0.00",
        "end_equity": "10080.00",
        "net_deposits": "10000.00",
        "gain": "80.00",
        "time_weighted_return": "0.008000",
        "money_weighted_return": "0.008000",
        "annualized_return": None,
        "volatility": None,
        "sharpe_ratio": None,
        "sortino_ratio": None,
        "max_drawdown": {
            "percent": "0.0999",
            "start": "2026-03-03T00:00:00.000000Z",
            "trough": "2026-03-04T00:00:00.000000Z",
            "recovered": NOW,
        },
        "beta": None,
        "alpha": None,
        "benchmark_return": "0.004100",
        "calmar_ratio": None,
        "correlation": None,
        "tracking_error": None,
        "information_ratio": None,
        "best_day": None,
        "worst_day": None,
        "win_rate": None,
        "conventions": {
            "time_weighted_return": "valued_at_each_flow",
            "money_weighted_return": "actual_365",
            "periods_per_year": 365,
            "risk_free_rate": "0.000000",
        },
        "reasons": {
            "annualized_return": "less_than_a_year",
            "calmar_ratio": "less_than_a_year",
            "volatility": "fewer_than_20_days",
            "sharpe_ratio": "fewer_than_20_days",
            "sortino_ratio": "fewer_than_20_days",
            "best_day": "fewer_than_20_days",
            "worst_day": "fewer_than_20_days",
            "win_rate": "fewer_than_20_days",
            "beta": "fewer_than_20_days",
            "correlation": "fewer_than_20_days",
            "tracking_error": "fewer_than_20_days",
            "alpha": "fewer_than_20_days",
            "information_ratio": "fewer_than_20_days",
        },
        "series": [
            {
                "time": BOUGHT_AT,
                "equity": "10000.00",
                "net_deposits": "10000.00",
                "time_weighted_return": "0.000000",
                "benchmark_return": "0.000000",
            },
            {
                "time": "2026-03-03T00:00:00.000000Z",
                "equity": "10078.00",
                "net_deposits": "10000.00",
                "time_weighted_return": "0.007800",
                "benchmark_return": "0.001900",
            },
            {
                "time": "2026-03-04T00:00:00.000000Z",
                "equity": "10068.00",
                "net_deposits": "10000.00",
                "time_weighted_return": "0.006800",
                "benchmark_return": "0.005200",
            },
            {
                "time": NOW,
                "equity": "10080.00",
                "net_deposits": "10000.00",
                "time_weighted_return": "0.008000",
                "benchmark_return": "0.004100",
            },
        ],
    },
)

EARNED = {
    "contribution": "0.008000",
    "gain": "80.00",
    "market_gain": "78.44",
    "income": "1.56",
    "fees": "0.00",
}
CONTRIBUTION = _answer(
    "Three days of a new account",
    {
        "period": "1m",
        "start": BOUGHT_AT,
        "end": NOW,
        "gain": "80.00",
        "market_gain": "78.44",
        "income": "1.56",
        "fees": "0.00",
        "time_weighted_return": "0.008000",
        "by_instrument": [{**EARNED, **AAPL}],
        "by_asset_class": [{**EARNED, "asset_class": "stock"}],
        "conventions": {"time_weighted_return": "valued_at_each_flow", "contribution": "grap"},
        "reasons": {},
        "exposure": [
            {"time": time, "invested": invested, "by_asset_class": {"stock": invested}}
            for time, invested in [
                (BOUGHT_AT, "0.000000"),
                ("2026-03-03T00:00:00.000000Z", "0.196269"),
                ("2026-03-04T00:00:00.000000Z", "0.117998"),
                (NOW, "0.119048"),
            ]
        ],
    },
)
