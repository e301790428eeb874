"""HTTP for market data, orders and the status; thin, and no rule."""
