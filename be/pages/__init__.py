"""The page at / and the documentation pages, with templates and static files; they use the
public API only.
"""
