"""What a customer has elsewhere, read from a file and booked as opening lots of a new account.

`files.py` reads a file of any format as records, `rules/` makes lots of them, and `booking.py`
values and books these, or only shows them. Files come from outside: each step refuses what it does
not know.
"""
