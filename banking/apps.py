from django.apps import AppConfig
from django.core import checks


class BankingConfig(AppConfig):
    name = "banking"

    def ready(self) -> None:
        from banking.checks import encryption_key

        checks.register(encryption_key)
