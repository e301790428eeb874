"""Quotes, candles, statistics, the order book and market hours; no orders are changed here."""
