"""The files that banks exchange over the ACH network, in the format of Nacha; pure, no files read.

`records` has the layouts, `outgoing` makes the file of a day's transfers, `incoming` reads what
comes back, `reasons` says what its codes mean. docs/nacha.md has the rest.
"""
