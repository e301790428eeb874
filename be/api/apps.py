"""The Django app of what the REST APIs share; it has one table."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """What the REST APIs of all apps share. Its only table is that of idempotent requests."""

    name = "be.api"
    label = "api"
