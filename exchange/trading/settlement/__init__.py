"""Where a trade becomes true: executions, holds, states and postings, written in one trip;
nobody decides here who trades with whom.
"""
