"""Management commands of the exchange, and how they show progress; thin."""
