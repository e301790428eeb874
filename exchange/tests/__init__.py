"""Tests of the exchange, with the market, people and servers that they share."""
