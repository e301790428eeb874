"""What do you own? Bank accounts, deposits and withdrawals, and the ledger of every cent and share;
no prices.
"""
