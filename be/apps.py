from django.apps import AppConfig


class BeConfig(AppConfig):
    """The project itself: settings, urls, the ASGI router and the command that runs everything."""

    name = "be"
