"""The market model, from random draws to quotes; pure Python and NumPy, no Django, no clock, no
random state.
"""
