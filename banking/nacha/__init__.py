"""Transfers by files: what goes to the bank in the file of a day, and what comes back of it.

`files` chooses what is sent, `folder` keeps files on the disk, `returns` applies what the bank has
returned. The format is in `banking/rules/nacha/`.
"""
