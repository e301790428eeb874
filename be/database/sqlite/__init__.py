"""Django's backend for SQLite with connections that last; nothing else."""
