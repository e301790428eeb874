"""The Django app of bank accounts, transfers and the ledger."""

from django.apps import AppConfig


class BankingConfig(AppConfig):
    name = "banking"
