"""Every page in a real browser, with something done on each: none breaks its policy or complains.

A browser writes what its page's policy stops to the console, where the tests hear it.
"""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from authentication.models import User
from be.tests.browser import PATIENCE, Visit, needs_chromium
from exchange.tests.server import LiveServer

pytestmark = [needs_chromium, pytest.mark.servers]

# ReDoc's bundle asks another host for its maker's logo, which the policy stops; nothing else of it.
MAKERS_LOGO = "cdn.redoc.ly/redoc/logo-mini.svg"
ADMIN = "/admin/"
EMAIL, PASSWORD = "root@brokerpro.example", "keys of the whole house"
# Of each kind of page one is opened: another row has the same template.
ROW = re.compile(r"^(/admin/\w+/\w+)/[^/]+/(?=\w+/)")


def make_administrator() -> None:
    """For `server.call`: somebody who may see every page of the admin."""
    User.objects.create_superuser(EMAIL, PASSWORD)


@pytest.fixture
def at(browser: Browser, market: LiveServer) -> Iterator["type[Visit]"]:
    visits: list[Visit] = []

    def opened(path: str) -> Visit:
        visits.append(Visit(browser, market, path))
        return visits[-1]

    yield opened  # type: ignore[misc]
    for visit in visits:
        visit.page.close()


def test_swagger_ui_shows_calls_of_every_kind_and_carries_one_out(at, market):
    visit = at("/api/docs/")
    page = visit.page
    expect(page.locator(".opblock").first).to_be_visible(timeout=PATIENCE)
    for tag in page.locator(".opblock-tag-section").all():
        tag.locator(".opblock-summary-control").first.click()
    status = page.locator("#operations-Status-status_retrieve")
    status.get_by_role("button", name="Try it out").click()
    status.get_by_role("button", name="Execute").click()
    expect(
        status.locator(".live-responses-table tbody .response-col_status").first
    ).to_contain_text("200", timeout=PATIENCE)
    page.get_by_role("button", name="Authorize").first.click()
    expect(page.get_by_role("heading", name="Available authorizations")).to_be_visible()
    assert visit.complaints == []
    assert visit.hosts == {urlsplit(market.url).netloc}


def test_redoc_searches_and_opens_what_it_finds(at, market):
    visit = at("/api/redoc/")
    page = visit.page
    page.get_by_placeholder("Search...").fill("withdrawal")
    found = page.locator("[data-role='search:results'] li")
    expect(found.first).to_be_visible(timeout=PATIENCE)
    found.first.click()
    page.get_by_role("button", name="200").first.click()
    assert [each for each in visit.complaints if MAKERS_LOGO not in each] == []
    assert any(MAKERS_LOGO in each for each in visit.complaints)  # else the exception can go


def test_the_page_of_the_socket_leads_to_its_messages(at):
    visit = at("/api/asyncapi/docs/")
    visit.page.get_by_role("link", name="closing").click()
    expect(visit.page.get_by_role("heading", name="Close codes")).to_be_in_viewport()
    assert visit.complaints == []


def test_the_first_page_keeps_to_its_policy_signed_in_and_out(at):
    visit = at("/")
    visit.sign_in()
    visit.page.get_by_label("Search by symbol or name").fill("bond")
    visit.page.get_by_role("button", name="Sign out").click()
    assert visit.complaints == []


def test_nothing_that_a_page_is_given_becomes_markup(at):
    visit = at("/")
    refusal = visit.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }"
    )
    assert refusal == "TypeError"
    assert any("TrustedHTML" in each for each in visit.complaints)


def test_every_page_of_the_admin_keeps_to_its_policy(at, market):
    market.call("be.tests.test_pages_in_the_browser:make_administrator")
    visit = at(f"{ADMIN}login/?next={ADMIN}")
    page = visit.page
    page.locator("[name=username]").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").click()
    page.wait_for_url(market.url + ADMIN)
    wrong: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    waiting = [ADMIN]
    while waiting:
        path = waiting.pop(0)
        if (shape := shape_of(path)) in seen:
            continue
        seen[shape] = path
        answer = page.goto(market.url + path)
        assert answer is not None
        assert answer.ok, path
        do_something(page)
        if visit.complaints:
            wrong[path] = [*visit.complaints]
            visit.complaints.clear()
        waiting += [path for path in links_of(page) if shape_of(path) not in seen]
    assert wrong == {}
    assert len(seen) > 40, sorted(seen)
    assert visit.hosts == {urlsplit(market.url).netloc}


def shape_of(path: str) -> str:
    return ROW.sub(r"\1/row/", path)


def links_of(page: Page) -> list[str]:
    """Where this page of the admin leads, within the admin; filters and sorting are of one list."""
    found = page.eval_on_selector_all(
        "a[href]", "all => all.map(each => each.getAttribute('href'))"
    )
    paths = (urlsplit(urljoin(page.url, each)) for each in found)
    here = urlsplit(page.url)
    return [
        each.path
        for each in paths
        if each.netloc == here.netloc
        and each.path.startswith(ADMIN)
        and not each.path.endswith(("/logout/", "/jsi18n/"))
    ]


def do_something(page: Page) -> None:
    """What works by Alpine on every page: the menu of the person who is signed in."""
    menu = page.locator("[x-on\\:click], [x-on\\:click\\.prevent]").locator("visible=true")
    if menu.count():
        menu.first.click()
