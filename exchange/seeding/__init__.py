"""What fills an empty market: instruments, a past, and the people of the demo; only run when
nothing is there.
"""
