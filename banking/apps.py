"""The Django app of bank accounts, transfers and the ledger."""

from django.apps import AppConfig
from django.conf import settings

from banking.rules import rails
from banking.rules.rails.nacha import NachaRail


class BankingConfig(AppConfig):
    name = "banking"

    def ready(self) -> None:
        """Install the rail that the settings name."""
        if NachaRail.name == settings.BANK_RAIL:
            rails.current = NachaRail(hold_days=settings.DEPOSIT_HOLD_DAYS)
