"""The life of an order. At the top the doors (orders, closing, rounds, halts, working), below
them a folder for each stage.
"""
