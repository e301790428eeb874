"""The Django app of the exchange."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "exchange"
