"""The tables of the exchange; no rule in `save`."""

from exchange.models.closures import MarketClosure
from exchange.models.corporate_actions import ActionKind, Clawback, CorporateAction, Entitlement
from exchange.models.fees import FeeSchedule
from exchange.models.instruments import AssetClass, Bond, DayCount, Instrument, InstrumentStatus
from exchange.models.orders import (
    LIMIT_TYPES,
    OPEN_STATUSES,
    STOP_TYPES,
    WORKING_STATUSES,
    Execution,
    Liquidity,
    Order,
    OrderClass,
    OrderFeed,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.models.prices import (
    SIMULATOR,
    Candle,
    Interval,
    MarketRevision,
    Quote,
    Simulator,
)

__all__ = [
    "LIMIT_TYPES",
    "OPEN_STATUSES",
    "SIMULATOR",
    "STOP_TYPES",
    "WORKING_STATUSES",
    "ActionKind",
    "AssetClass",
    "Bond",
    "Candle",
    "Clawback",
    "CorporateAction",
    "DayCount",
    "Entitlement",
    "Execution",
    "FeeSchedule",
    "Instrument",
    "InstrumentStatus",
    "Interval",
    "Liquidity",
    "MarketClosure",
    "MarketRevision",
    "Order",
    "OrderClass",
    "OrderFeed",
    "OrderStatus",
    "OrderType",
    "Quote",
    "Side",
    "Simulator",
    "TimeInForce",
]
