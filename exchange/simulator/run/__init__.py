"""The loop: one simulator at a time, its rounds, alerts and what it shows; no prices are made
here.
"""
