"""Roles: each can do what the table says, and none of the rest, on every page of the admin."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from authentication.models import IdentityDocument
from authentication.tests.browsers import browser
from be.desk import roles
from be.desk.roles import ROLES
from be.desk.tests.conftest import Everything, desk_of
from exchange.tests.server import ROOT

pytestmark = pytest.mark.usefixtures("now", "everything")

# What nobody changes by hand, superusers included: only pages to look at.
LOOK_ONLY = {
    "authentication_apikey",
    "authentication_auditevent",
    "authentication_identityapplication",
    "authentication_session",
    "banking_bankaccount",
    "banking_banktransaction",
    "banking_correction",
    "banking_hold",
    "banking_journalentry",
    "banking_ledgeraccount",
    "banking_posting",
    "desk_customer",
    "exchange_execution",
    "exchange_order",
    "exchange_quote",
    "exchange_simulator",
}
NEVER = {
    "exchange_feeschedule_delete",
    "exchange_instrument_add",
    "exchange_instrument_delete",
}
# Pages beyond lists and forms, and the right that each asks for.
PAGES = {
    "auth_user_password_change": "authentication.change_user",
    "banking_banktransaction_propose": "banking.propose_withdrawal",
    "banking_banktransaction_approve": "banking.approve_withdrawal",
    "banking_banktransaction_reject": "banking.propose_withdrawal",
    "banking_banktransaction_reverse": "banking.add_correction",
    "banking_correction_approve": "banking.approve_correction",
    "banking_correction_decline": "banking.approve_correction",
    "banking_correction_reverse": "banking.add_correction",
    "authentication_identityapplication_approve": "authentication.decide_identity",
    "authentication_identityapplication_ask-for-documents": "authentication.decide_identity",
    "authentication_identityapplication_refuse": "authentication.decide_identity",
    "authentication_identitydocument_content": "authentication.decide_identity",
    "desk_story": "desk.view_customer",
    "desk_customer_adjust": "banking.add_correction",
    "desk_customer_cancel-orders": "desk.freeze_customer",
    "desk_customer_end-sessions": "authentication.change_session",
    "desk_customer_freeze": "desk.freeze_customer",
    "desk_customer_reset-factors": "authentication.reset_factors",
    "desk_customer_unfreeze": "desk.unfreeze_customer",
    "exchange_corporateaction_approve": "exchange.approve_corporateaction",
    "exchange_corporateaction_retry": "exchange.change_corporateaction",
    "exchange_corporateaction_reverse": "exchange.reverse_corporateaction",
    "exchange_corporateaction_keep": "exchange.reverse_corporateaction",
    "exchange_corporateaction_collect": "exchange.reverse_corporateaction",
    "exchange_corporateaction_anew": "exchange.add_corporateaction",
}
# Actions of lists, beside Django's "delete".
ACTIONS = {
    "authentication_apikey": {"revoke": "authentication.change_apikey"},
    "authentication_session": {"end": "authentication.change_session"},
    "exchange_instrument": {
        "halt": "exchange.change_instrument",
        "resume": "exchange.change_instrument",
    },
}
# Everybody's who is staff: what these show depends on what one may see.
OPEN = {
    "index",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "search",
    "view_on_site",
    "app_list",
}


@cache
def names_of_pages() -> frozenset[str]:
    _, resolver = get_resolver("be.urls").namespace_dict["admin"]
    return frozenset(name for name in _names(resolver) if name)


def _names(resolver: URLResolver) -> Iterator[str | None]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name
        else:
            yield from _names(pattern)


MODELS = {
    f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry
}
FORMS = {f"{model}_{page}" for model in MODELS for page in ("add", "change", "delete", "history")}
LISTS = {f"{model}_changelist" for model in MODELS}


def test_every_page_of_the_admin_is_in_this_test():
    assert names_of_pages() == FORMS | LISTS | {*PAGES} | OPEN


def needed(name: str, method: str) -> set[str]:
    """The rights of which one is enough for a page; none for what nobody may."""
    if name in PAGES:
        return {PAGES[name]}
    model, _, page = name.rpartition("_")
    app, _, kind = model.partition("_")
    look = {f"{app}.view_{kind}", f"{app}.change_{kind}"}
    if page in ("changelist", "history"):
        return look
    if page == "change" and method == "get":
        return look
    if model in LOOK_ONLY or name in NEVER:
        return set()
    return {f"{app}.{page}_{kind}"}


def address(name: str, found: Everything) -> str:
    model, _, page = name.rpartition("_")
    if name in PAGES:
        model = "_".join(name.split("_")[:2])
    rows = {
        "auth_user": found.alice,
        "authentication_user": found.alice,
        "authentication_identitydocument": IdentityDocument.objects.first(),
        "desk_customer": found.alice,
        "desk_story": found.alice,
        "exchange_order": found.bought,
        "exchange_corporateaction": found.dividend,
    }
    if page in ("add", "changelist"):
        return reverse(f"admin:{name}")
    row = rows.get(model) or MODELS[model]._default_manager.first()
    assert row is not None, f"there is no {model} to look at"
    return reverse(f"admin:{name}", args=[row.pk])


def status(client: Client, method: str, url: str, form: dict[str, Any] | None = None) -> int:
    """The status of an answer; whatever was done is undone."""
    with transaction.atomic():
        code = getattr(client, method)(url, form or {}).status_code
        transaction.set_rollback(True)
    return int(code)


def may(role: str, rights: set[str]) -> bool:
    return bool(ROLES[role] & rights)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_role_opens_and_sends_what_the_table_says_and_nothing_else(role, method, everything):
    client = desk_of(role)
    wrong = []
    for name in sorted(names_of_pages() - OPEN):
        answered = status(client, method, address(name, everything))
        expected = may(role, needed(name, method))
        # What a read-only page is sent is refused, also where it may be looked at.
        if (answered != 403) != expected:
            wrong.append((name, answered, expected))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_actions_of_lists_that_the_table_says(role, everything):
    client = desk_of(role)
    user = client.get(reverse("admin:index")).context["user"]
    assert user.email == f"{role}@example.com"
    wrong = []
    for name, model in MODELS.items():
        app, _, kind = name.partition("_")
        actions = ACTIONS.get(name, {})
        if name not in LOOK_ONLY and f"{name}_delete" not in NEVER:
            actions = {**actions, "delete_selected": f"{app}.delete_{kind}"}
        expected = {action for action, right in actions.items() if may(role, {right})}
        page = client.get(reverse(f"admin:{name}_changelist"))
        form = page.context["action_form"] if page.status_code == 200 else None
        offered = {value for value, _ in form.fields["action"].choices if value} if form else set()
        if offered != (expected if page.status_code == 200 else set()):
            wrong.append((name, offered, expected))
        assert model._default_manager.exists() or page.status_code in (200, 403)
    assert wrong == []


@pytest.mark.parametrize("role", ["support", "auditor"])
def test_an_action_that_is_sent_all_the_same_does_nothing(role, everything):
    client = desk_of(role)
    instrument = everything.bought.instrument
    for action in ("halt", "resume", "delete_selected"):
        client.post(
            reverse("admin:exchange_instrument_changelist"),
            {"action": action, "_selected_action": [str(instrument.pk)], "post": "yes"},
        )
    instrument.refresh_from_db()
    assert instrument.status == "active"


def test_the_auditor_ends_no_session(everything):
    client = desk_of("auditor")
    chosen = {"action": "end", "_selected_action": [str(everything.session.pk)]}

    client.post(reverse("admin:authentication_session_changelist"), chosen)

    everything.session.refresh_from_db()
    assert everything.session.ended_at is None


def test_a_customer_opens_nothing(everything):
    client = browser(everything.alice)
    for name in sorted(names_of_pages() - OPEN):
        answer = client.get(address(name, everything))
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


def test_the_groups_in_the_database_have_the_permissions_of_the_table():
    stored = {
        group.name: {
            f"{permission.content_type.app_label}.{permission.codename}"
            for permission in group.permissions.select_related("content_type")
        }
        for group in Group.objects.filter(name__in=ROLES)
    }
    assert stored == ROLES


def test_the_permissions_that_migrations_make_are_those_that_django_makes():
    names = set(Permission.objects.filter(group__name__in=ROLES).values_list("name", flat=True))
    assert {"Can view customer", "Can freeze a customer", "Can change instrument"} <= names
    assert not [name for name in names if "_" in name]


def test_a_role_is_written_again_without_touching_other_groups():
    own = Group.objects.create(name="interns")
    own.permissions.add(Permission.objects.get(codename="view_order"))
    support = Group.objects.get(name="support")
    support.permissions.add(Permission.objects.get(codename="change_user"))

    roles.write(apps, "default")

    assert not support.permissions.filter(codename="change_user").exists()
    assert own.permissions.count() == 1


def test_the_documentation_has_the_same_table():
    page = (ROOT / "docs/administration.md").read_text()
    rows = re.findall(r"^\| \w+\.\w+ \|.*\|$", page, re.MULTILINE)
    lines = [row.split("|")[1:-1] for row in rows]
    head = re.search(r"^\| permission \|(.*)\|$", page, re.MULTILINE)
    assert head is not None
    columns = [cell.strip() for cell in head[1].split("|")][1:]
    assert columns == [*ROLES]
    shown: dict[str, set[str]] = {role: set() for role in ROLES}
    for name, _, *marks in lines:
        for role, mark in zip(columns, marks, strict=True):
            assert mark.strip() in ("", "✓")
            if mark.strip():
                shown[role].add(name.strip())
    assert shown == ROLES
