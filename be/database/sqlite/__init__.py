"""Django's backend for SQLite, with connections that stay open; nothing else."""
