"""HTTP for bank accounts, transactions and the statement; thin, and no rule."""
