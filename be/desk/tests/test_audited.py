"""Whatever staff change in the admin is in the audit log: by forms, lists, actions and steps."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from authentication.models import AuditEvent, User
from be.desk.audited import Audited
from be.desk.tests.conftest import Everything
from exchange.models import FeeSchedule, MarketClosure
from exchange.tests.market import NOW

pytestmark = pytest.mark.usefixtures("now")

NEW_PASSWORD = "an entirely new pass-phrase"


def told() -> Any:
    """The newest change by staff."""
    return AuditEvent.objects.filter(event__endswith="by staff").order_by("id").last()


def sent(root: Client, page: str, /, *args: Any, **form: Any) -> None:
    answer = root.post(reverse(f"admin:{page}", args=args), form)
    assert answer.status_code == 302, answer.content.decode()[:3000]


def test_the_pages_of_every_model_are_audited():
    assert [page for page in admin.site._registry.values() if not isinstance(page, Audited)] == []


def test_a_changed_row_is_told_before_and_after(root: Client, everything: Everything):
    alice = everything.alice
    sent(
        root,
        "authentication_user_change",
        alice.pk,
        email=alice.email,
        first_name="Alicia",
        is_active="on",
    )
    event = told()
    assert event.event == "changed by staff"
    assert (event.actor, event.subject, event.at) == (
        User.objects.get(email="root@example.com"),
        alice,
        NOW,
    )
    assert (event.before, event.after) == (
        {"first_name": alice.first_name},
        {"first_name": "Alicia"},
    )
    assert event.details["model"] == "authentication.User"
    assert event.client == "127.0.0.1"


def test_granted_groups_are_told(root: Client, everything: Everything):
    alice, support = everything.alice, Group.objects.get(name="support")
    form = {"email": alice.email, "is_active": "on", "groups": [support.pk]}
    sent(root, "authentication_user_change", alice.pk, **form)
    assert (told().before["groups"], told().after["groups"]) == ([], ["support"])


def test_a_permission_of_a_group_is_told(root: Client):
    support = Group.objects.get(name="support")
    sent(root, "auth_group_change", support.pk, name="support", permissions=[])
    assert "Banking | bank account | Can view bank account" in told().before["permissions"]
    assert told().after == {"permissions": []}


def test_a_new_password_is_told_without_it(root: Client, everything: Everything):
    sent(
        root,
        "auth_user_password_change",
        everything.alice.pk,
        password1=NEW_PASSWORD,
        password2=NEW_PASSWORD,
    )
    assert (told().before, told().after) == ({"password": "(hidden)"}, {"password": "(hidden)"})
    assert told().subject == everything.alice


def test_what_is_added_and_deleted_is_told_whole(root: Client):
    sent(root, "exchange_marketclosure_add", day="2026-03-06", reason="A flood")
    assert (told().event, told().before) == ("added by staff", None)
    assert told().after == {"day": "2026-03-06", "closes_at": None, "reason": "A flood"}
    closure = MarketClosure.objects.get()
    sent(root, "exchange_marketclosure_delete", closure.pk, post="yes")
    assert (told().event, told().after) == ("deleted by staff", None)
    assert told().before["reason"] == "A flood"


def test_deletion_from_the_list_is_told(root: Client, everything: Everything):
    closure = MarketClosure.objects.get()
    form = {"action": "delete_selected", "_selected_action": [closure.pk], "post": "yes"}
    sent(root, "exchange_marketclosure_changelist", **form)
    assert (told().event, told().details["object"]) == ("deleted by staff", str(closure.pk))


def test_a_row_of_an_editable_list_is_told(root: Client):
    row = FeeSchedule.objects.order_by("pk").first()
    assert row is not None
    rows = list(root.get(reverse("admin:exchange_feeschedule_changelist")).context["cl"].formset)
    form = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for number, each in enumerate(rows):
        changed = {"maker_bps": 7} if each.instance.pk == row.pk else {}
        for name in ("asset_class", "maker_bps", "taker_bps"):
            form[f"form-{number}-{name}"] = changed.get(name, getattr(each.instance, name))
    sent(root, "exchange_feeschedule_changelist", **form)
    assert (told().before, told().after) == ({"maker_bps": row.maker_bps}, {"maker_bps": 7})


def test_an_action_of_a_list_is_told(root: Client, everything: Everything):
    instrument = everything.bought.instrument
    form = {"action": "halt", "_selected_action": [str(instrument.pk)]}
    sent(root, "exchange_instrument_changelist", **form)
    assert (told().before, told().after) == ({"status": "active"}, {"status": "halted"})
    assert told().details["message"] == "Trading halted."


def test_a_step_of_a_page_of_our_own_is_told(root: Client, everything: Everything):
    form = {"reason": "a lost phone"}
    sent(root, "desk_customer_end-sessions", everything.alice.pk, **form)
    assert told().subject == everything.alice
    assert "a lost phone" in told().details["message"]
    assert (told().before, told().after) == ({}, {})


def test_looking_is_not_told(root: Client, everything: Everything):
    before = AuditEvent.objects.count()
    root.get(reverse("admin:authentication_user_change", args=[everything.alice.pk]))
    root.get(reverse("admin:exchange_instrument_changelist"))
    assert AuditEvent.objects.count() == before


def test_a_change_that_is_refused_is_not_told(root: Client, everything: Everything):
    url = reverse("admin:authentication_user_change", args=[everything.alice.pk])
    before = AuditEvent.objects.count()
    assert root.post(url, {"email": "no e-mail"}).status_code == 200
    assert AuditEvent.objects.count() == before
