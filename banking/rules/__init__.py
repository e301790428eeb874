"""Assets and their units, the bank side of a transfer, the encryption of account numbers; pure
Python, no Django.
"""
