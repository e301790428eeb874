"""Matching, stops, states, fees and rounding: pure Python, without Django."""
