"""The shapes of queries and answers; answers are rendered from the results of the domain."""

from typing import Any

from rest_framework import serializers

from be.api import fields
from be.api.auto_schema import ProblemSerializer
from be.api.fields import ChoiceField, PositiveDecimalField, PositivePercentField
from exchange.api.serializers import OrderSerializer
from exchange.models import AssetClass
from portfolio.api.fields import (
    FractionField,
    MoneyField,
    PercentField,
    PriceField,
    QuantityField,
    RatioField,
    SharePercentField,
    TimeField,
)
from portfolio.performance import DEFAULT_BENCHMARK
from portfolio.periods import Period
from portfolio.rules.lots import LotMethod

TERMS = ("short", "long")

BESIDE = "if your `settings/` leave fees out of costs; else 0.00, as they are in the gains."

# Queries --------------------------------------------------------------------------------------


class LotMethodQuery(serializers.Serializer[Any]):
    lot_method = ChoiceField(
        [method.value for method in LotMethod],
        required=False,
        help_text="Which lots a sale takes from first; `average` gives all the same cost. Left "
        "out: your own (`settings/`).",
    )


class LotsQuery(LotMethodQuery):
    symbol = serializers.CharField(
        required=False, max_length=40, help_text="Symbol or id: of this instrument only."
    )


class ContributionQuery(serializers.Serializer[Any]):
    period = ChoiceField(
        [period.value for period in Period],
        default=Period.MONTH.value,
        help_text="How far back from now; `ytd` is since the year began.",
    )


class PerformanceQuery(ContributionQuery):
    benchmark = serializers.CharField(
        required=False,
        max_length=40,
        help_text=f"Symbol or id of what to compare with; {DEFAULT_BENCHMARK} if left out.",
    )


class CloseAllQuery(serializers.Serializer[Any]):
    cancel_orders = serializers.BooleanField(
        default=False,
        help_text="Cancel your open orders in it first, which may have reserved the position.",
    )


class CloseQuery(CloseAllQuery):
    quantity = PositiveDecimalField(
        required=False, help_text="Shares, coins, or dollars of face value; all when left out."
    )
    percent = PositivePercentField(
        required=False,
        help_text="Of what you hold, instead of a quantity; rounded down to what can be traded.",
    )


# Holdings -------------------------------------------------------------------------------------


class InstrumentRowSerializer(serializers.Serializer[Any]):
    """The start of each row that is about an instrument."""

    symbol = serializers.CharField(source="instrument.symbol")
    name = serializers.CharField(source="instrument.name")
    asset_class = ChoiceField(AssetClass.choices, source="instrument.asset_class")


class HoldingSerializer(InstrumentRowSerializer):
    """An instrument that is held."""

    quantity = QuantityField(help_text="Shares, coins, or dollars of face value.")
    available_quantity = QuantityField(help_text="What no open order has reserved.")
    average_cost = PriceField(
        allow_null=True,
        help_text="For one share or coin, or 100 of face value; fees included, unless your "
        "`settings/` leave them out. Null like the cost.",
    )
    cost_basis = MoneyField(
        allow_null=True,
        help_text="Null when executions do not account for the whole quantity.",
    )
    price = PriceField(allow_null=True, help_text="The last price; of bonds clean, per 100.")
    accrued_interest = MoneyField(help_text="The part of the market value that is not the price.")
    market_value = MoneyField(allow_null=True)
    unrealized_pnl = MoneyField(allow_null=True)
    unrealized_pnl_percent = PercentField(allow_null=True, help_text="Of the cost.")
    day_change = MoneyField(
        allow_null=True,
        help_text="What it gained since the last close (midnight UTC), trades, fees, interest and "
        "dividends included: what was bought today counts from what was paid for it.",
    )
    day_change_percent = PercentField(
        allow_null=True,
        help_text="`day_change`, of the value at that close and what was bought since.",
    )
    price_change = PriceField(
        allow_null=True, help_text="The price, less the quote's previous close."
    )
    price_change_percent = PercentField(
        allow_null=True, help_text="`price_change`, of the previous close, as in quotes."
    )
    price_change_value = MoneyField(
        allow_null=True,
        help_text="`price_change` times the whole quantity, whenever it was bought.",
    )
    realized_pnl = MoneyField(help_text="Of all sales of the instrument so far.")
    fees = MoneyField(help_text=f"Of all its trades so far, {BESIDE}")
    weight = FractionField(allow_null=True, help_text="Market value over equity.")


class TotalsSerializer(serializers.Serializer[Any]):
    cash = MoneyField(help_text="What is held for orders and withdrawals included.")
    available_cash = MoneyField()
    debt = MoneyField(
        help_text="What is owed for a deposit that was returned after it had been spent. What "
        "comes in pays it first."
    )
    market_value = MoneyField()
    equity = MoneyField(help_text="Cash and market value, less the debt.")
    cost_basis = MoneyField()
    unrealized_pnl = MoneyField()
    realized_pnl = MoneyField(help_text="Of all sales so far, also of what is not held any more.")
    fees = MoneyField(help_text=f"Of all trades so far, {BESIDE}")
    day_change = MoneyField(
        help_text="What the account gained today: equity, less `last_close_equity`, less "
        "`day_net_deposits`. It also counts what is not held any more."
    )
    last_close_equity = MoneyField(help_text="Equity at the last close: midnight UTC.")
    day_net_deposits = MoneyField(help_text="Deposits less withdrawals since the last close.")


class HoldingsSerializer(serializers.Serializer[Any]):
    results = HoldingSerializer(many=True)
    totals = TotalsSerializer()


class ClosingSerializer(serializers.Serializer[Any]):
    """What came of one position."""

    symbol = serializers.CharField()
    order = OrderSerializer(allow_null=True, help_text="The order that sells it.")
    problem = ProblemSerializer(allow_null=True, help_text="Or why there is none.")


class ClosingsSerializer(serializers.Serializer[Any]):
    results = ClosingSerializer(many=True)


# Lots -----------------------------------------------------------------------------------------


class LotSerializer(InstrumentRowSerializer):
    """What is left of one purchase."""

    id = serializers.UUIDField(help_text="The execution that bought it, or its own.")
    quantity = QuantityField(help_text="What is left of the purchase.")
    cost_basis = MoneyField()
    unit_cost = PriceField(help_text="For one share or coin, or 100 of face value.")
    price = PriceField(allow_null=True)
    market_value = MoneyField(allow_null=True)
    unrealized_pnl = MoneyField(allow_null=True)
    unrealized_pnl_percent = PercentField(allow_null=True, help_text="Of the cost.")
    term = ChoiceField(TERMS, help_text="Of a sale now: long after more than a year.")
    acquired_at = TimeField()


class RealizedPartSerializer(serializers.Serializer[Any]):
    lot_id = serializers.UUIDField(
        source="lot_trade_id", help_text="The execution that bought it, or its own."
    )
    quantity = QuantityField()
    proceeds = MoneyField()
    cost_basis = MoneyField()
    gain = MoneyField()
    term = ChoiceField(TERMS)
    acquired_at = TimeField()


class SaleSerializer(InstrumentRowSerializer):
    """One sale, and what it gained."""

    id = serializers.UUIDField(help_text="The execution that sold.")
    quantity = QuantityField()
    proceeds = MoneyField(help_text="Fees taken off, unless your `settings/` leave them out.")
    cost_basis = MoneyField()
    gain = MoneyField()
    gain_percent = PercentField(allow_null=True, help_text="Of the cost.")
    fees = MoneyField(help_text=f"Of this sale, {BESIDE}")
    short_term_gain = MoneyField()
    long_term_gain = MoneyField()
    sold_at = TimeField()
    parts = RealizedPartSerializer(many=True, help_text="The lots that it was taken from.")


# Allocation -----------------------------------------------------------------------------------

ALLOCATED_CLASSES = f"{', '.join(AssetClass.values)} or cash."


class AssetClassPartSerializer(serializers.Serializer[Any]):
    asset_class = serializers.CharField(help_text=ALLOCATED_CLASSES)
    market_value = MoneyField()
    percent = SharePercentField(help_text="Of equity; all of them sum to 100.00.")


class InstrumentPartSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField(help_text="USD for cash.")
    name = serializers.CharField()
    asset_class = serializers.CharField(help_text=ALLOCATED_CLASSES)
    market_value = MoneyField()
    percent = SharePercentField(help_text="Of equity; all of them sum to 100.00.")


class AllocationSerializer(serializers.Serializer[Any]):
    equity = MoneyField()
    by_asset_class = AssetClassPartSerializer(many=True)
    by_instrument = InstrumentPartSerializer(many=True)


# Income ---------------------------------------------------------------------------------------


class IncomeQuery(serializers.Serializer[Any]):
    start = fields.TimeField(required=False, help_text="Paid at this time or later.")
    end = fields.TimeField(required=False, help_text="Paid before this time.")


class IncomeSumsSerializer(serializers.Serializer[Any]):
    dividends = MoneyField()
    coupons = MoneyField()
    reversals = MoneyField(
        help_text="What was taken back of payments made by mistake: zero or below."
    )
    total = MoneyField()


class MonthOfIncomeSerializer(IncomeSumsSerializer):
    month = serializers.CharField(help_text="In UTC, as 2026-03.")


class PayerSerializer(IncomeSumsSerializer):
    symbol = serializers.CharField(source="payer.symbol")
    name = serializers.CharField(source="payer.name")
    asset_class = ChoiceField(AssetClass.choices, source="payer.asset_class")


class IncomeSerializer(serializers.Serializer[Any]):
    start = TimeField(allow_null=True, help_text="As asked for.")
    end = TimeField(allow_null=True)
    totals = IncomeSumsSerializer()
    by_month = MonthOfIncomeSerializer(many=True)
    by_instrument = PayerSerializer(many=True)


# Performance ----------------------------------------------------------------------------------


class DrawdownSerializer(serializers.Serializer[Any]):
    percent = PercentField(help_text="Of the peak, above zero.")
    start = TimeField(help_text="When the peak was.")
    trough = TimeField()
    recovered = TimeField(allow_null=True, help_text="Null while it is below the peak.")


class SeriesPointSerializer(serializers.Serializer[Any]):
    time = TimeField()
    equity = MoneyField()
    net_deposits = MoneyField(help_text="Since the start.")
    time_weighted_return = FractionField(allow_null=True)
    benchmark_return = FractionField(allow_null=True)


class DayReturnSerializer(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="In UTC.")
    day_return = FractionField()


class ConventionsSerializer(serializers.Serializer[Any]):
    """How figures were computed, where textbooks differ."""

    time_weighted_return = ChoiceField(
        ("valued_at_each_flow",), help_text="The account is valued at each deposit and withdrawal."
    )
    money_weighted_return = ChoiceField(
        ("actual_365",), help_text="Actual days, 365 to a year, as Excel's XIRR."
    )
    periods_per_year = serializers.IntegerField(
        allow_null=True,
        help_text="How many returns make a year of risk: 252 where all that was held has market "
        "hours, 365 otherwise; more for `1d` and `1w`.",
    )
    risk_free_rate = FractionField(
        help_text="A year, for Sharpe and Sortino ratio and alpha: the setting, or else what the "
        "bill that matures next yields; 0 without one."
    )


class PerformanceSerializer(serializers.Serializer[Any]):
    """Returns are fractions of the whole period unless they are called annual."""

    period = serializers.CharField()
    benchmark = serializers.CharField(allow_null=True)
    start = TimeField(
        allow_null=True, help_text="When the account was opened, if that is in the period."
    )
    end = TimeField(allow_null=True)
    start_equity = MoneyField(
        allow_null=True, help_text="Zero if the account was opened in the period."
    )
    end_equity = MoneyField(allow_null=True)
    net_deposits = MoneyField(allow_null=True, help_text="Deposits less withdrawals.")
    gain = MoneyField(allow_null=True, help_text="What equity rose by beyond net deposits.")
    time_weighted_return = FractionField(
        allow_null=True,
        help_text="Of the whole period, whatever came or went: the account is valued at each "
        "deposit and withdrawal when it is booked, and that value stays.",
    )
    money_weighted_return = FractionField(allow_null=True, help_text="Of the whole period.")
    annualized_return = FractionField(
        allow_null=True, help_text="Time-weighted; null for less than a year."
    )
    volatility = FractionField(allow_null=True, source="risk.volatility", help_text="Annual.")
    sharpe_ratio = RatioField(allow_null=True, source="risk.sharpe_ratio", help_text="Annual.")
    sortino_ratio = RatioField(allow_null=True, source="risk.sortino_ratio", help_text="Annual.")
    max_drawdown = DrawdownSerializer(
        allow_null=True,
        help_text="Of the time-weighted return, between the points of the series; null if there "
        "was none. A finer series sees falls within a day that a coarser one does not.",
    )
    beta = RatioField(allow_null=True, source="risk.beta")
    alpha = FractionField(allow_null=True, source="risk.alpha", help_text="Annual.")
    benchmark_return = FractionField(
        allow_null=True, help_text="From the start of the period, or when the account was opened."
    )
    calmar_ratio = RatioField(
        allow_null=True, help_text="Annual return for each unit of the largest drawdown."
    )
    correlation = RatioField(
        allow_null=True, source="risk.correlation", help_text="With the benchmark, -1 to 1."
    )
    tracking_error = FractionField(
        allow_null=True,
        source="risk.tracking_error",
        help_text="Annual deviation of what returns were beyond the benchmark's.",
    )
    information_ratio = RatioField(
        allow_null=True,
        source="risk.information_ratio",
        help_text="Annual return beyond the benchmark's for each unit of tracking error.",
    )
    best_day = DayReturnSerializer(allow_null=True, source="risk.best_day")
    worst_day = DayReturnSerializer(allow_null=True, source="risk.worst_day")
    win_rate = FractionField(
        allow_null=True,
        source="risk.win_rate",
        help_text="Days with a gain among days with a gain or a loss.",
    )
    conventions = ConventionsSerializer()
    reasons = serializers.DictField(
        child=serializers.CharField(), help_text="Why a figure is null, by its name."
    )
    series = SeriesPointSerializer(many=True)
