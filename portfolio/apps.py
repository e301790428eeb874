"""The Django app of the portfolio; it registers for cash flows, and for orders that name lots."""

from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "portfolio"

    def ready(self) -> None:
        from banking import flows
        from exchange.trading.intake import named_lots
        from portfolio import flow_valuations, lot_keeper

        flows.listener = flow_valuations.record
        named_lots.keeper = lot_keeper
