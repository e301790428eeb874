"""The exchange simulator: the market model, other sources of prices, the loop that runs them,
the report.
"""
