"""Management commands of the exchange, and their progress bar; the work is done elsewhere."""
