"""Seeding an empty market: instruments, a price history, and the demo's users; a seeded market is
left alone.
"""
