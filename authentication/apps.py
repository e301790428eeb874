"""The Django app of users, sessions and tokens."""

from django.apps import AppConfig


class AuthenticationConfig(AppConfig):
    name = "authentication"
