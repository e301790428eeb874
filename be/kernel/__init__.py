"""Building blocks of all apps: refusals, ids, numbers, addresses and formats; pure Python, no
framework.
"""
