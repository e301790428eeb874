"""The Django app of the support desk: its pages, and the roles of those who work there."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """The support desk."""

    name = "be.desk"
    label = "desk"
