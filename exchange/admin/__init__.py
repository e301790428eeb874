"""The market and its orders for administrators, a module for each thing they work on."""

from exchange.admin import corporate_actions, instruments, market, orders

__all__ = ["corporate_actions", "instruments", "market", "orders"]
