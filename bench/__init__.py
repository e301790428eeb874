"""Measurements of speed, as ratios to a reference that is measured in the same run; for developers
only, nothing in the project imports it.
"""
