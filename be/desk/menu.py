"""The admin's menu: what a desk does, from customers to staff, as far as one may see it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Titles and icons of what each group has, by model.
GROUPS: tuple[tuple[str, dict[str, tuple[str, str]]], ...] = (
    (
        "Desk",
        {
            "desk.Customer": ("Customers", "support_agent"),
            "authentication.IdentityApplication": ("Identities", "badge"),
        },
    ),
    (
        "Money",
        {
            "banking.BankTransaction": ("Deposits and withdrawals", "sync_alt"),
            "banking.Correction": ("Corrections", "undo"),
            "banking.BankAccount": ("Bank accounts", "account_balance"),
            "banking.JournalEntry": ("Journal", "menu_book"),
            "banking.Posting": ("Ledger lines", "receipt_long"),
            "banking.LedgerAccount": ("Ledger accounts", "account_balance_wallet"),
            "banking.Hold": ("Holds", "lock"),
        },
    ),
    (
        "Trading",
        {
            "exchange.Order": ("Orders", "list_alt"),
            "exchange.Execution": ("Executions", "handshake"),
        },
    ),
    (
        "Market",
        {
            "exchange.Instrument": ("Instruments", "candlestick_chart"),
            "exchange.Quote": ("Quotes", "monitoring"),
            "exchange.CorporateAction": ("Corporate actions", "campaign"),
            "exchange.MarketClosure": ("Market closures", "event_busy"),
            "exchange.FeeSchedule": ("Fees", "percent"),
            "exchange.Simulator": ("Simulator", "smart_toy"),
        },
    ),
    (
        "Access",
        {
            "authentication.Session": ("Sessions", "devices"),
            "authentication.ApiKey": ("API keys", "key"),
            "authentication.AuditEvent": ("Audit log", "history"),
            "authentication.User": ("Users", "person"),
            "auth.Group": ("Roles", "groups"),
        },
    ),
)
LISTED = {label for _, models in GROUPS for label in models}


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu's groups for who asks; what no group names is in the last one."""
    desk = {"items": [_item("Overview", "home", reverse("admin:index"))]}
    others = {
        model._meta.label: (str(model._meta.verbose_name_plural).capitalize(), "table_rows")
        for model in admin.site._registry
        if model._meta.label not in LISTED
    }
    found = [
        {"title": title, "separator": True, "items": _visible(models, request)}
        for title, models in (*GROUPS, ("More", others))
    ]
    return [desk, *(group for group in found if group["items"])]


def _visible(models: dict[str, tuple[str, str]], request: HttpRequest) -> list[dict[str, Any]]:
    return [
        _item(title, icon, reverse(f"admin:{label.lower().replace('.', '_')}_changelist"))
        for label, (title, icon) in models.items()
        if admin.site._registry[apps.get_model(label)].has_view_permission(request)
    ]


def _item(title: str, icon: str, link: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}
