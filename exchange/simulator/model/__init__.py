"""The market model, from chance to quotes; pure Python and NumPy, no Django, no clock, no
random state.
"""
