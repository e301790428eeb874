"""Quotes, candles, statistics, the book and when markets are open; no orders are changed here."""
