"""WebSockets: from what was published to the bytes on each socket; nothing is decided about
orders or prices.
"""
