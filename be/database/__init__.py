"""How the database is reached: fixed SQL, transactions, append-only tables, both backends; no
table of an app.
"""
