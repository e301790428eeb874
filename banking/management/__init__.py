"""Management commands of banking; thin."""
