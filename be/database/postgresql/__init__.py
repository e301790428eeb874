"""Django's backend for PostgreSQL with connections that last; nothing else."""
