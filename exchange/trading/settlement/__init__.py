"""Carrying out trades: executions, holds, states and postings, written in one trip.

Who trades with whom is not decided here.
"""
