"""Administrators who enter corporate actions, for the tests of the admin."""

import re
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import strip_tags

from authentication.models import User
from exchange.models import Instrument

ACTIONS = "/admin/exchange/corporateaction/"


def administrator(email: str = "root@example.com") -> Client:
    """The browser of a new superuser."""
    return browser(User.objects.create_superuser(email, "a long enough pass-phrase"))


def clerk(email: str, *codenames: str) -> Client:
    """The browser of staff with these permissions on corporate actions."""
    user = User.objects.create_user(email, "a long enough pass-phrase", is_staff=True)
    names = [f"{name}_corporateaction" for name in codenames]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return browser(user)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def dividend(instrument: Instrument, **changes: str) -> dict[str, str]:
    """The filled-in form of a dividend of a quarter, but for these changes."""
    return {
        "instrument": str(instrument.pk),
        "kind": "dividend",
        "ex_date": "2026-03-04",
        "payable_date": "2026-03-04",
        "amount": "0.25",
        "entitlements-TOTAL_FORMS": "0",
        "entitlements-INITIAL_FORMS": "0",
        **changes,
    }


def split(instrument: Instrument, new: str, old: str, **changes: str) -> dict[str, str]:
    return dividend(instrument, kind="split", amount="", new_shares=new, old_shares=old, **changes)


def confirmed(page: Any) -> dict[str, str]:
    """The fields that the page of a look sends when it is confirmed."""
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def enter(admin: Client, form: dict[str, str], url: str = f"{ACTIONS}add/") -> Any:
    """Fill in the form, look at what it does, and confirm it."""
    look = admin.post(url, form)
    assert look.status_code == 200, look.content
    fields = confirmed(look)
    assert "_confirmed" in fields, text(look)
    saved = admin.post(url, fields)
    assert saved.status_code == 302, text(saved)
    return look


def text(page: Any) -> str:
    """What a reader sees, each piece on its own, in one line."""
    return " | ".join(strip_tags(page.content.decode().replace("<", "\n<")).split("\n")).strip()


def words(page: Any) -> str:
    """The same, with single spaces."""
    return re.sub(r"[\s|]+", " ", text(page))
