"""Django's backend for PostgreSQL, with connections that stay open; nothing else."""
