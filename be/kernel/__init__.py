"""Building blocks of all apps: refusals, ids, numbers, addresses, formats and encryption; pure
Python, no framework.
"""
