"""Browser tabs with the same refresh token, in a real browser against a real server."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

from be.tests.browser import needs_chromium
from exchange.tests.server import ROOT, LiveServer

pytestmark = [needs_chromium, pytest.mark.servers]

SESSION = "/static/brokerpro/session.js"
# Both tabs wait for the same instant, so that their requests meet.
RENEW = f"""async (at) => {{
    const session = await import("{SESSION}");
    window.outcome = new Promise((resolve) => setTimeout(resolve, at - Date.now()))
        .then(() => session.renew())
        .then(() => "renewed", (problem) => problem.message);
}}"""
WATCH = """async ([tokens, url]) => {
    const { BrokerStream } = await import("/examples/stream_client.mjs");
    const stream = new BrokerStream({ base: url, tokens });
    const kept = [];
    window.outcome = new Promise((resolve) => {
        stream.addEventListener("tokens", ({ detail }) => {
            if (kept.push(detail.refresh_token) === 3) resolve(kept);
        });
        stream.addEventListener("state", ({ detail: state }) => {
            if (state === "signed out") resolve(state);
        });
    });
    stream.open();
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("tabs")) as server:
        yield server
        server.kill()


@pytest.fixture(params=["Web Locks", "no Web Locks"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    if request.param == "no Web Locks":  # as over plain HTTP from another machine
        context.add_init_script("delete Navigator.prototype.locks")
    yield context
    context.close()


@pytest.fixture
def tabs(context: BrowserContext, server: LiveServer) -> tuple[Page, Page]:
    """A tab in which a customer is signed in, and its duplicate."""
    first = context.new_page()
    first.goto(server.url)
    register(first)
    first.reload()
    with context.expect_page() as duplicated:
        first.evaluate("void window.open(location.href)")
    second = duplicated.value
    second.wait_for_load_state()
    assert tokens(second) == tokens(first)
    return first, second


def register(page: Page) -> None:
    fields = {"email": f"{secrets.token_hex(6)}@example.com", "password": "a horse, a staple"}
    page.evaluate(f"(fields) => import('{SESSION}').then((it) => it.register(fields))", fields)


def tokens(page: Page) -> Any:
    return page.evaluate("JSON.parse(sessionStorage['brokerpro.tokens'])")


def renew_at_once(*pages: Page) -> list[str]:
    at = pages[0].evaluate("Date.now() + 700")
    for page in pages:
        page.evaluate(RENEW, at)
    return [page.evaluate("window.outcome") for page in pages]


def assert_signed_in(page: Page) -> None:
    answer = page.evaluate(f"import('{SESSION}').then((it) => it.call('GET', '/api/auth/me/'))")
    assert answer["email"]


def test_two_tabs_that_renew_at_once_spend_one_refresh_token_and_stay_signed_in(context, tabs):
    spent: list[str] = []

    def count(request: Request) -> None:
        if request.url.endswith("/refresh/"):
            spent.append(request.url)

    context.on("request", count)

    for round_ in range(1, 4):
        assert renew_at_once(*tabs) == ["renewed", "renewed"]
        assert tokens(tabs[0])["refresh_token"] == tokens(tabs[1])["refresh_token"]
        assert len(spent) == round_
    for page in tabs:
        assert_signed_in(page)


def test_a_tab_that_slept_through_several_renewals_goes_on_with_the_newest_tokens(tabs):
    awake, asleep = tabs
    for _ in range(3):
        assert renew_at_once(awake) == ["renewed"]

    assert renew_at_once(asleep) == ["renewed"]

    assert tokens(asleep) == tokens(awake)
    assert_signed_in(asleep)
    assert renew_at_once(asleep) == ["renewed"]
    assert renew_at_once(awake) == ["renewed"]
    assert tokens(asleep) == tokens(awake)


def test_signing_out_leaves_no_token_in_the_browser(tabs):
    page = tabs[0]
    assert renew_at_once(page) == ["renewed"]
    assert kept(page)

    page.evaluate(f"import('{SESSION}').then((it) => it.logOut())")

    assert kept(page) == []
    assert page.evaluate("sessionStorage.length") == 0


def kept(page: Page) -> Any:
    return page.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open("brokerpro.refresh").onsuccess = ({ target: { result: database } }) => {
                const all = database.transaction("tokens").objectStore("tokens").getAll();
                all.onsuccess = () => resolve(all.result);
            };
        })"""
    )


def test_two_tabs_with_the_example_client_share_each_refresh(tmp_path: Path, context):
    with LiveServer(tmp_path, env={"ACCESS_TOKEN_LIFETIME_SECONDS": "4"}) as server:
        context.route("**/*.mjs", serve_from_the_repository)
        pages = [context.new_page(), context.new_page()]
        for page in pages:
            page.goto(f"{server.url}/api/docs/")
        answer = pages[0].evaluate(
            """(body) => fetch("/api/auth/register/", {
                method: "POST", body, headers: {"Content-Type": "application/json"}
            }).then((it) => it.json())""",
            f'{{"email": "{secrets.token_hex(6)}@example.com", "password": "a horse, a staple"}}',
        )

        for page in pages:
            page.evaluate(WATCH, [answer, server.url])
        for page in pages:
            kept = page.evaluate("window.outcome")
            assert kept != "signed out"
            assert len(set(kept)) == 3
        server.kill()


def serve_from_the_repository(route: Route) -> None:
    """Both files as a front end would have them, side by side."""
    path = route.request.url.split("/", 3)[3]
    file = ROOT / (
        path if path.startswith("examples/") else f"be/pages/static/brokerpro/{Path(path).name}"
    )
    route.fulfill(body=file.read_text(), content_type="text/javascript")
