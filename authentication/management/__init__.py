"""Management commands of authentication; thin."""
