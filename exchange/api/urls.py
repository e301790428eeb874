"""Paths below /api/exchange/api/v1/."""

from django.urls import path

from exchange.api.market_data import MarketDataViewSet
from exchange.api.orders import ExecutionViewSet, OrderViewSet
from exchange.api.status import StatusView

market_data = MarketDataViewSet.as_view

urlpatterns = [
    path("market-data/", market_data({"get": "list"})),
    path("market-data/supported_symbols/", market_data({"get": "supported_symbols"})),
    path("market-data/current_prices/", market_data({"get": "current_prices"})),
    path("market-data/statistics/", market_data({"get": "statistics"})),
    path("market-data/<str:id>/", market_data({"get": "retrieve"})),
    path("market-data/<str:id>/book/", market_data({"get": "book"})),
    path(
        "orders/",
        OrderViewSet.as_view({"get": "list", "post": "create", "delete": "destroy_all"}),
    ),
    path(
        "orders/<str:id>/",
        OrderViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("executions/", ExecutionViewSet.as_view({"get": "list"})),
    path("status/", StatusView.as_view()),
]
