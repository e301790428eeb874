"""The project's own management commands; thin, the work is done elsewhere."""
