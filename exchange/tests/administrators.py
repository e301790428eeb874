"""Staff at the admin's forms, and what its pages show, for the tests of the admin."""

import re
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.utils.html import strip_tags

from authentication.models import User
from authentication.tests.browsers import browser
from exchange.models import Instrument

ACTIONS = "/admin/exchange/corporateaction/"


def clerk(email: str, *codenames: str) -> Client:
    """The browser of staff with these permissions on corporate actions."""
    user = User.objects.create_user(email, "a long enough pass-phrase", is_staff=True)
    names = [f"{name}_corporateaction" for name in codenames]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return browser(user)


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
    """The fields that a preview sends when it is confirmed."""
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def enter(admin: Client, form: dict[str, str], url: str = f"{ACTIONS}add/") -> Any:
    """Send the form, and confirm the preview of its effects."""
    preview = admin.post(url, form)
    assert preview.status_code == 200, preview.content
    fields = confirmed(preview)
    assert "_confirmed" in fields, text(preview)
    saved = admin.post(url, fields)
    assert saved.status_code == 302, text(saved)
    return preview


def text(page: Any) -> str:
    """The page's text in one line, its pieces separated by bars."""
    return " | ".join(strip_tags(page.content.decode().replace("<", "\n<")).split("\n")).strip()


def words(page: Any) -> str:
    """The page's text in one line, with single spaces."""
    return re.sub(r"[\s|]+", " ", text(page))


def on(day: int) -> dict[str, str]:
    """The form's dates for an action on this day of March 2026."""
    return {"ex_date": f"2026-03-0{day}", "payable_date": f"2026-03-0{day}"}
