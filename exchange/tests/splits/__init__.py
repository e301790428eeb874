"""Tests of stock splits, with one cast: AAPL at 200 dollars, and Alice with 100,000 dollars."""
