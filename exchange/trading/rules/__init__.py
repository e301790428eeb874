"""Matching, stops, states, fees and rounding; pure Python, no Django."""
