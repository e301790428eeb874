"""Every page of the admin: no script or style sheet inside of it, nothing from elsewhere."""

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from be.desk.tests.test_roles import FORMS, LISTS, PAGES, address


class Tags(HTMLParser):
    """Scripts and style sheets inside of the page, attributes that are scripts, and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and _runs(given)):
            self.inline.append(tag)
        self.inline += [name for name in given if name.startswith("on")]
        if tag in {"script", "link", "img"}:
            self.addresses += [given[name] or "" for name in ("src", "href") if name in given]


def _runs(script: dict[str, str | None]) -> bool:
    return script.get("type") not in {"application/json", "application/ld+json"}


def check(html: str) -> None:
    tags = Tags(html)
    assert tags.inline == []
    for link in tags.addresses:
        assert link.startswith("/"), link
        if link.startswith("/static/"):
            assert finders.find(link.removeprefix("/static/")), link


FILES = {"authentication_identitydocument_content"}


@pytest.mark.parametrize("name", sorted(FORMS | LISTS | ({*PAGES} - FILES)))
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(root, everything, name):
    answer = root.get(address(name, everything), follow=True)

    if answer.status_code == 200:
        check(answer.content.decode())
    else:
        assert answer.status_code in (403, 404)


@pytest.mark.parametrize("path", ["", "password_change/", "password_change/done/", "search/"])
def test_the_admins_own_pages_too(root, everything, path):
    answer = root.get(f"/admin/{path}")
    assert answer.status_code == 200
    check(answer.content.decode())


@pytest.mark.django_db
def test_the_page_to_sign_in_too():
    answer = Client().get("/admin/login/")
    assert answer.status_code == 200
    check(answer.content.decode())


def test_the_menu_has_every_list_that_one_may_see(root, everything):
    page = root.get("/admin/").content.decode()
    for model in admin.site._registry:
        options = model._meta
        link = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        assert f'href="{link}"' in page, link


def test_the_page_for_ones_own_password_has_the_menu(root, everything):
    assert "/admin/desk/customer/" in root.get("/admin/password_change/").content.decode()
