"""The Django app of the portfolio; it registers for cash flows."""

from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "portfolio"

    def ready(self) -> None:
        from banking import flows
        from portfolio import flow_valuations

        flows.listener = flow_valuations.record
