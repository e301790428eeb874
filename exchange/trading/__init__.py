"""Placing and working orders: the entry points at the top, a folder for each stage below them.

The entry points are `orders`, `closing`, `rounds`, `halts` and `working`. No HTTP, no price model.
"""
