"""The channel layer that needs no server: one SQLite file for the processes of one machine; no
Django model.
"""
