"""The Django app of the project itself."""

from django.apps import AppConfig


class BeConfig(AppConfig):
    """The project itself: settings, urls, the ASGI application and the project's commands."""

    name = "be"
