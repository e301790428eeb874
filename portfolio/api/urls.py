"""Paths below /api/portfolio/."""

from django.urls import path

from portfolio.api import imports, settings_views, statement_views, tax_views, views

urlpatterns = [
    path("imports/", imports.ImportsView.as_view(), name="portfolio-imports"),
    path("holdings/", views.HoldingsView.as_view(), name="portfolio-holdings"),
    path("holdings/<str:symbol>/", views.HoldingView.as_view(), name="portfolio-holding"),
    path("performance/", views.PerformanceView.as_view(), name="portfolio-performance"),
    path("contribution/", views.ContributionView.as_view(), name="portfolio-contribution"),
    path("lots/", views.LotViewSet.as_view({"get": "list"}), name="portfolio-lots"),
    path("realized/", views.SaleViewSet.as_view({"get": "list"}), name="portfolio-realized"),
    path("settings/", settings_views.SettingsView.as_view(), name="portfolio-settings"),
    path("income/", views.IncomeView.as_view(), name="portfolio-income"),
    path(
        "statements/",
        statement_views.StatementListViewSet.as_view({"get": "list"}),
        name="portfolio-statements",
    ),
    path(
        "statements/<str:period>/",
        statement_views.StatementView.as_view(),
        name="portfolio-statement",
    ),
    path("wash-sales/", tax_views.WashSalesView.as_view(), name="portfolio-wash-sales"),
    path("form-8949/", tax_views.Form8949View.as_view(), name="portfolio-form-8949"),
    path("beancount/", tax_views.BeancountView.as_view(), name="portfolio-beancount"),
    path("allocation/", views.AllocationView.as_view(), name="portfolio-allocation"),
]
