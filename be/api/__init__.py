"""What the REST APIs of all apps share: problem documents, pagination, idempotency, JSON, schema;
no rule of an app.
"""
