from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The HTTP kit that the four apps share. Its only table remembers idempotent requests."""

    name = "be.api"
    label = "api"
