"""The shapes of requests and answers. Rules, and the building of answers, are in the domain."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from be.api.fields import (
    ANSWER_DECIMAL,
    ChoiceField,
    FractionField,
    OptionalFractionField,
    PercentField,
    PlainDecimalField,
    PositiveDecimalField,
    PositivePercentField,
    TimeField,
    WholeNumberField,
)
from be.api.sparse_body import SparseBody
from be.api.strict_requests import Body
from exchange.market.statistics import Period
from exchange.models import (
    AssetClass,
    DayCount,
    InstrumentStatus,
    Interval,
    Liquidity,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.trading.intake.requests import MAX_LOTS

MAX_CANDLES = 1000
MAX_DEPTH = 50
MAX_CLIENT_ORDER_ID = 128

EXIT_TIMES_IN_FORCE = [TimeInForce.DAY.value, TimeInForce.GTC.value]
ORDER_FILTERS = ["open", "closed", *OrderStatus.values]
SERVER_STATUSES = ["ok", "degraded", "down"]
CHECKS = ["ok", "down"]
FRESHNESS = ["ok", "stale"]


# Instruments and prices -----------------------------------------------------------------------


class BondSerializer(serializers.Serializer[Any]):
    coupon_rate = FractionField(help_text="A year, of face value.")
    maturity_date = serializers.DateField()
    frequency = serializers.IntegerField(help_text="Coupons a year; 0 for a bill.")
    day_count = ChoiceField(DayCount.choices)
    face_value = PlainDecimalField()


class InstrumentSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    symbol = serializers.CharField()
    name = serializers.CharField()
    asset_class = ChoiceField(AssetClass.choices)
    currency = serializers.CharField()
    price_increment = PlainDecimalField()
    quantity_increment = PlainDecimalField()
    min_quantity = PlainDecimalField()
    tradable = serializers.BooleanField()
    status = ChoiceField(InstrumentStatus.choices)
    bond = BondSerializer(allow_null=True)


@extend_schema_field({**ANSWER_DECIMAL, "example": "1.0625"})
class BondFigureField(serializers.CharField):
    """Not read-only, or the schema would say that every quote has it."""


class QuoteSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    price = PlainDecimalField()
    bid = PlainDecimalField()
    ask = PlainDecimalField()
    bid_size = PlainDecimalField(help_text="What is left at the best bid.")
    ask_size = PlainDecimalField(help_text="What is left at the best ask.")
    previous_close = PlainDecimalField()
    change = PlainDecimalField(help_text="The price, less the previous close.")
    change_percent = PercentField(help_text="`change`, of the previous close.")
    open = PlainDecimalField()
    high = PlainDecimalField()
    low = PlainDecimalField()
    volume = PlainDecimalField()
    timestamp = serializers.DateTimeField()
    sequence = serializers.IntegerField(help_text="Counts the quotes of this instrument.")
    yield_to_maturity = OptionalFractionField(
        required=False, allow_null=True, help_text="Bonds only, a year."
    )
    accrued_interest = BondFigureField(
        required=False, help_text="Bonds only, per 100 of face value."
    )


class InstrumentWithQuoteSerializer(InstrumentSerializer):
    quote = QuoteSerializer(allow_null=True)


class SupportedSymbolsSerializer(serializers.Serializer[Any]):
    results = InstrumentSerializer(many=True)


class CurrentPricesSerializer(serializers.Serializer[Any]):
    results = QuoteSerializer(many=True)


class CandleSerializer(serializers.Serializer[Any]):
    time = serializers.DateTimeField(help_text="When it begins.")
    open = PlainDecimalField()
    high = PlainDecimalField()
    low = PlainDecimalField()
    close = PlainDecimalField()
    volume = PlainDecimalField()


class CandlesSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    interval = ChoiceField(Interval.choices)
    candles = CandleSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The candles after these, if any.")


# `max_drawdown` is deprecated: the name does not say that it is percent, unlike `volatility`.
@extend_schema_serializer(deprecate_fields=["max_drawdown"])
class StatisticsSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    period = ChoiceField([period.value for period in Period])
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    open = PlainDecimalField(allow_null=True)
    high = PlainDecimalField(allow_null=True)
    low = PlainDecimalField(allow_null=True)
    close = PlainDecimalField(allow_null=True)
    change = PlainDecimalField(allow_null=True, help_text="`close`, less `open`.")
    change_percent = PercentField(allow_null=True, help_text="`change`, of `open`.")
    volume = PlainDecimalField(allow_null=True)
    average_volume = PlainDecimalField(allow_null=True, help_text="Of a trading day.")
    vwap = PlainDecimalField(allow_null=True)
    volatility = FractionField(allow_null=True, help_text="A year.")
    max_drawdown_percent = PercentField(allow_null=True, help_text="Of the high that it fell from.")
    max_drawdown = PercentField(
        allow_null=True, help_text="`max_drawdown_percent` under the name that it had before."
    )
    high_52w = PlainDecimalField(allow_null=True)
    low_52w = PlainDecimalField(allow_null=True)


class BookSerializer(serializers.Serializer[Any]):
    symbol = serializers.CharField()
    sequence = serializers.IntegerField()
    bids = serializers.ListField(
        child=serializers.ListField(child=PlainDecimalField(), min_length=2, max_length=2),
        help_text="[price, size], best first.",
    )
    asks = serializers.ListField(
        child=serializers.ListField(child=PlainDecimalField(), min_length=2, max_length=2),
        help_text="[price, size], best first.",
    )


# Queries --------------------------------------------------------------------------------------


class AssetClassQuery(serializers.Serializer[Any]):
    asset_class = ChoiceField(
        AssetClass.choices, required=False, help_text="Instruments of this kind only."
    )


class InstrumentQuery(AssetClassQuery):
    search = serializers.CharField(
        required=False, max_length=100, help_text="Part of the symbol or the name."
    )


class SymbolsQuery(serializers.Serializer[Any]):
    symbols = serializers.CharField(
        required=False, max_length=4000, help_text="Separated by commas; all when left out."
    )


class CandleQuery(serializers.Serializer[Any]):
    interval = ChoiceField(
        Interval.choices, default=Interval.ONE_DAY.value, help_text="How long a candle lasts."
    )
    start = TimeField(required=False, help_text="From here on.")
    end = TimeField(required=False, help_text="Before here.")
    limit = WholeNumberField(
        min_value=1, max_value=MAX_CANDLES, default=500, help_text="How many candles at most."
    )


class StatisticsQuery(serializers.Serializer[Any]):
    symbol = serializers.CharField(max_length=40, help_text="Symbol or id of the instrument.")
    period = ChoiceField(
        [period.value for period in Period], default="1d", help_text="How far back from now."
    )


class DepthQuery(serializers.Serializer[Any]):
    depth = WholeNumberField(
        min_value=1,
        max_value=MAX_DEPTH,
        default=10,
        help_text="How many prices of each side at most.",
    )


class OrderQuery(serializers.Serializer[Any]):
    status = ChoiceField(
        ORDER_FILTERS, required=False, help_text="A status; `open` and `closed` are groups of them."
    )
    symbol = serializers.CharField(
        required=False, max_length=40, help_text="Symbol or id: of this instrument only."
    )
    side = ChoiceField(
        Side.choices, required=False, help_text="Orders that buy, or that sell, only."
    )
    client_order_id = serializers.CharField(
        required=False,
        max_length=MAX_CLIENT_ORDER_ID,
        help_text="The order that you gave this name, and those that replaced it.",
    )
    updated_since = TimeField(
        required=False, help_text="Only those that changed at this moment or later."
    )


# Orders ---------------------------------------------------------------------------------------


def client_order_id_field(help_text: str) -> serializers.RegexField:
    return serializers.RegexField(
        r"^[\x21-\x7e]+\Z",
        max_length=MAX_CLIENT_ORDER_ID,
        required=False,
        allow_null=True,
        help_text=help_text,
    )


class ExitSerializer(Body):
    time_in_force = ChoiceField(
        EXIT_TIMES_IN_FORCE,
        required=False,
        allow_null=True,
        help_text="How long the exit works, from when its entry has been filled; when left out, "
        "as the order's. Two exits cancel each other and so have the same.",
    )


class TakeProfitSerializer(ExitSerializer):
    limit_price = PositiveDecimalField()


class StopLossSerializer(ExitSerializer):
    stop_price = PositiveDecimalField()
    limit_price = PositiveDecimalField(
        required=False, allow_null=True, help_text="With it, the exit is a stop_limit order."
    )


@extend_schema_serializer(component_name="NamedLot")
class NamedLotSerializer(Body):
    id = serializers.UUIDField(
        help_text="The execution of the purchase, as `GET /api/portfolio/lots/` shows it."
    )
    quantity = PositiveDecimalField(help_text="How much of it.")


@extend_schema_serializer(component_name="Order")  # in requests an OrderRequest
class OrderRequestSerializer(SparseBody):
    symbol = serializers.CharField(max_length=40, help_text="Symbol or id of the instrument.")
    side = ChoiceField(Side.choices)
    order_type = ChoiceField(OrderType.choices)
    quantity = PositiveDecimalField(required=False, allow_null=True)
    notional = PositiveDecimalField(
        required=False, allow_null=True, help_text="Dollars, instead of a quantity (market only)."
    )
    limit_price = PositiveDecimalField(
        required=False, allow_null=True, help_text="limit and stop_limit orders."
    )
    stop_price = PositiveDecimalField(
        required=False, allow_null=True, help_text="stop and stop_limit orders."
    )
    trail_amount = PositiveDecimalField(
        required=False, allow_null=True, help_text="Dollars behind the best price (trailing_stop)."
    )
    trail_percent = PositivePercentField(
        required=False, allow_null=True, help_text="Or so much of the best price."
    )
    time_in_force = ChoiceField(
        TimeInForce.choices,
        required=False,
        help_text="When left out: gtc for crypto, day for the rest.",
    )
    order_class = ChoiceField(
        OrderClass.choices,
        required=False,
        help_text="bracket: entry, take_profit and stop_loss. oto: entry and one of them. oco: a "
        "limit order to sell (the take-profit) with a stop_loss. Left out: simple.",
    )
    take_profit = TakeProfitSerializer(required=False, allow_null=True)
    stop_loss = StopLossSerializer(required=False, allow_null=True)
    lots = serializers.ListField(
        child=NamedLotSerializer(),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_length=MAX_LOTS,
        help_text="Which lots a simple order to sell is taken from, in this order; they sum to "
        "its quantity. Left out: your lot method decides.",
    )
    client_order_id = client_order_id_field("Your own name for it, unique among your orders.")


@extend_schema_serializer(component_name="Replace")  # in requests a ReplaceRequest
class ReplaceRequestSerializer(Body):
    """What is to be different; what is left out stays."""

    quantity = PositiveDecimalField(
        required=False,
        allow_null=True,
        help_text="Of the whole order, what has been filled included.",
    )
    limit_price = PositiveDecimalField(required=False, allow_null=True)
    stop_price = PositiveDecimalField(required=False, allow_null=True)
    trail_amount = PositiveDecimalField(required=False, allow_null=True)
    trail_percent = PositivePercentField(required=False, allow_null=True)
    client_order_id = client_order_id_field(
        "Your own name for the new order; when left out, it keeps that of the old one."
    )


class ExecutionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    price = PlainDecimalField()
    quantity = PlainDecimalField()
    amount = PlainDecimalField(help_text="Dollars moved, accrued interest included, fee not.")
    accrued_interest = PlainDecimalField(help_text="Per 100 of a bond's face value.")
    fee = PlainDecimalField()
    liquidity = ChoiceField(Liquidity.choices)
    executed_at = serializers.DateTimeField()


class OrderExecutionSerializer(ExecutionSerializer):
    order_id = serializers.UUIDField()
    symbol = serializers.CharField()
    side = ChoiceField(Side.choices)


class OrderLotSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    quantity = PlainDecimalField()


class LegSerializer(serializers.Serializer[Any]):
    """An order; as a leg of another it has no legs of its own."""

    id = serializers.UUIDField()
    client_order_id = serializers.CharField(allow_null=True)
    symbol = serializers.CharField()
    asset_class = ChoiceField(AssetClass.choices)
    side = ChoiceField(Side.choices)
    order_type = ChoiceField(OrderType.choices)
    order_class = ChoiceField(OrderClass.choices)
    time_in_force = ChoiceField(TimeInForce.choices)
    quantity = PlainDecimalField(allow_null=True)
    notional = PlainDecimalField(allow_null=True)
    limit_price = PlainDecimalField(allow_null=True)
    stop_price = PlainDecimalField(allow_null=True)
    trail_amount = PlainDecimalField(allow_null=True)
    trail_percent = PercentField(allow_null=True)
    lots = OrderLotSerializer(
        many=True,
        allow_null=True,
        help_text="The lots that it names; what is left of them is restated by a split.",
    )
    status = ChoiceField(OrderStatus.choices)
    filled_quantity = PlainDecimalField()
    remaining_quantity = PlainDecimalField()
    average_fill_price = PlainDecimalField(allow_null=True)
    fees = PlainDecimalField()
    reject_reason = serializers.CharField(allow_null=True)
    parent_id = serializers.UUIDField(allow_null=True, help_text="The order that it is a leg of.")
    replaces = serializers.UUIDField(allow_null=True)
    replaced_by = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    filled_at = serializers.DateTimeField(allow_null=True)
    canceled_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    executions = ExecutionSerializer(many=True)


class OrderSerializer(LegSerializer):
    legs = LegSerializer(many=True)


class CanceledOrdersSerializer(serializers.Serializer[Any]):
    results = OrderSerializer(many=True)


# Status ---------------------------------------------------------------------------------------


class MarketDataCheckSerializer(serializers.Serializer[Any]):
    status = ChoiceField(FRESHNESS)
    last_quote_at = serializers.DateTimeField(allow_null=True)
    age_seconds = serializers.FloatField(allow_null=True)


class ChecksSerializer(serializers.Serializer[Any]):
    database = ChoiceField(CHECKS)
    channel_layer = ChoiceField(CHECKS)
    market_data = MarketDataCheckSerializer()


class StatusSerializer(serializers.Serializer[Any]):
    status = ChoiceField(SERVER_STATUSES)
    version = serializers.CharField()
    time = serializers.DateTimeField()
    checks = ChecksSerializer()
