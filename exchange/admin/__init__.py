"""Admin pages of the market, orders and corporate actions; no rule, they call the domain."""

from exchange.admin import corporate_actions, instruments, market, orders

__all__ = ["corporate_actions", "instruments", "market", "orders"]
