"""Orders as the public contract shows them, and the updates for their owners; nothing is
changed.
"""
