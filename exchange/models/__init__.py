from exchange.models.instruments import AssetClass, Bond, DayCount, Instrument, InstrumentStatus
from exchange.models.orders import (
    OPEN_STATUSES,
    WORKING_STATUSES,
    Execution,
    Liquidity,
    Order,
    OrderFeed,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.models.prices import SIMULATOR, Candle, Interval, Quote, Simulator

__all__ = [
    "OPEN_STATUSES",
    "SIMULATOR",
    "WORKING_STATUSES",
    "AssetClass",
    "Bond",
    "Candle",
    "DayCount",
    "Execution",
    "Instrument",
    "InstrumentStatus",
    "Interval",
    "Liquidity",
    "Order",
    "OrderFeed",
    "OrderStatus",
    "OrderType",
    "Quote",
    "Side",
    "Simulator",
    "TimeInForce",
]
