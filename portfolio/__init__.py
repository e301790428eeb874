"""What is it worth, and how did it do? A read side, computed from executions, balances and
prices; it moves nothing, except that it imports what customers have elsewhere.
"""
