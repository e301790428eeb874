"""Management commands of the portfolio; the work is done elsewhere."""
