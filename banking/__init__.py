"""What do you own? Bank accounts, deposits and withdrawals, and the one ledger of every cent
and share; no prices.
"""
