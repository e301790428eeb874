"""The HTTP kit of all apps: problem documents, pages, idempotency, JSON and the schema; no rule
of an app.
"""
