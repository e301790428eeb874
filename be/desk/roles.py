"""The roles of staff: groups of permissions, made by migrations from the table here.

A role is what the table says. A change of it comes with a migration that calls `write`, which gives
the groups of these names exactly these permissions; other groups are left alone. The same table is
in docs/administration.md.
"""

from typing import Any

from django.apps import apps as installed

# What everybody at the desk may look at: customers, their money and orders, and the market.
LOOK = frozenset(
    {
        "desk.view_customer",
        "authentication.view_apikey",
        "authentication.view_session",
        "banking.view_bankaccount",
        "banking.view_banktransaction",
        "banking.view_correction",
        "banking.view_hold",
        "banking.view_journalentry",
        "banking.view_ledgeraccount",
        "banking.view_posting",
        "exchange.view_corporateaction",
        "exchange.view_execution",
        "exchange.view_feeschedule",
        "exchange.view_instrument",
        "exchange.view_marketclosure",
        "exchange.view_order",
        "exchange.view_quote",
    }
)
# What those who watch the others see besides.
OVERSIGHT = frozenset(
    {
        "auth.view_group",
        "authentication.view_auditevent",
        "authentication.view_identityapplication",
        "authentication.view_user",
        "exchange.view_simulator",
    }
)

ROLES: dict[str, frozenset[str]] = {
    "support": LOOK
    | {
        "authentication.change_apikey",
        "authentication.change_session",
        "authentication.reset_factors",
        "desk.freeze_customer",
    },
    "operations": LOOK
    | {
        "banking.add_correction",
        "banking.approve_correction",
        "banking.approve_withdrawal",
        "banking.propose_withdrawal",
        "exchange.add_corporateaction",
        "exchange.approve_corporateaction",
        "exchange.change_corporateaction",
        "exchange.delete_corporateaction",
        "exchange.reverse_corporateaction",
        "exchange.change_feeschedule",
        "exchange.change_instrument",
        "exchange.add_marketclosure",
        "exchange.change_marketclosure",
        "exchange.delete_marketclosure",
        "exchange.view_simulator",
    },
    "compliance": LOOK
    | OVERSIGHT
    | {
        "authentication.change_apikey",
        "authentication.change_session",
        "authentication.reset_factors",
        "banking.approve_correction",
        "banking.approve_withdrawal",
        "banking.propose_withdrawal",
        "desk.freeze_customer",
        "desk.unfreeze_customer",
        "authentication.decide_identity",
    },
    "auditor": LOOK | OVERSIGHT,
}


def write(apps: Any, using: str) -> None:
    """Give the group of each role exactly its permissions, and make what is missing of both.

    `apps` are those of a migration. Django makes the permissions only after all migrations.
    """
    Group = apps.get_model("auth", "Group")
    for role, names in ROLES.items():
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set([_permission(apps, using, name) for name in sorted(names)])


def remove(apps: Any, using: str) -> None:
    """Delete the groups of the roles."""
    groups = apps.get_model("auth", "Group").objects.using(using)
    groups.filter(name__in=ROLES).delete()


def _permission(apps: Any, using: str, name: str) -> Any:
    app, codename = name.split(".")
    kind, title = _described(app, codename)
    ContentType = apps.get_model("contenttypes", "ContentType")
    kind, _ = ContentType.objects.using(using).get_or_create(app_label=app, model=kind)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    found, _ = permissions.get_or_create(
        content_type=kind, codename=codename, defaults={"name": title}
    )
    return found


def _described(app: str, codename: str) -> tuple[str, str]:
    """The model that a permission is for, and its title as Django gives it."""
    for model in installed.get_app_config(app).get_models():
        options = model._meta
        if codename in dict(options.permissions):
            return str(options.model_name), str(dict(options.permissions)[codename])
        for action in options.default_permissions:
            if codename == f"{action}_{options.model_name}":
                return str(options.model_name), f"Can {action} {options.verbose_name_raw}"
    raise LookupError(f"no model of {app} has a permission {codename}")
