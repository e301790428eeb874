"""The first page: what is sent, and, in a real browser against a real server, that it works."""

import re
from decimal import Decimal
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import expect

from be.tests.browser import DEMO_BUTTON, PATIENCE, needs_chromium

# What is sent


class Tags(HTMLParser):
    """Every tag with its attributes, and the text inside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in {"script", "style"} and data.strip():
            self.inline.append(data)


def test_the_page_is_there_without_signing_in(client):
    response = client.get("/")
    assert response.status_code == 200
    assert "BrokerPro" in response.text


def test_the_demo_customer_signs_in_by_a_button_in_development(client, settings):
    settings.DEBUG = True
    assert DEMO_BUTTON in client.get("/").text


def test_no_password_is_on_the_page_in_production(client, settings):
    settings.DEBUG = False
    text = client.get("/").text
    assert settings.DEMO_PASSWORD not in text
    assert settings.DEMO_EMAIL not in text
    assert DEMO_BUTTON not in text


def test_the_policy_allows_nothing_from_other_hosts_and_nothing_inline(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_has_no_inline_script_or_style_that_the_policy_would_stop(client):
    page = Tags(client.get("/").text)
    assert page.inline == []
    attributes = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in attributes if name == "style" or name.startswith("on")}


def test_everything_the_page_loads_is_ours_and_exists(client):
    page = Tags(client.get("/").text)
    loaded = [
        str(attributes.get("src") or attributes.get("href"))
        for tag, attributes in page.tags
        if tag in {"script", "link", "img"}
    ]
    assert loaded
    for url in loaded:
        assert url.startswith("/static/brokerpro/")
        assert finders.find(url.removeprefix("/static/"))


def test_only_reading_is_answered(client):
    assert client.post("/").status_code == 405


# That it works


@needs_chromium
@pytest.mark.servers
def test_the_demo_customer_sees_prices_move_and_buys_a_share(visit, market):
    page = visit.page

    visit.sign_in()

    # Prices move, and what moves them comes over the socket.
    bitcoin = page.locator("[data-symbol='BTC-USD'] .price")
    before = bitcoin.inner_text()
    expect(bitcoin).not_to_have_text(before, timeout=PATIENCE)
    visit.expect_frame("price_update")

    # One share is bought at the market; its order and the holding say so.
    page.get_by_role("button", name="AAPL").first.click()
    held = page.locator("[data-holding='AAPL'] .quantity")
    quantity = Decimal(held.inner_text())
    page.locator("#ticket [name='amount']").fill("1")
    page.get_by_role("button", name="Buy AAPL", exact=True).click()
    outcome = page.locator("#order-outcome")
    expect(outcome).to_have_text(re.compile(r"^Bought 1 AAPL at \d+\.\d\d"), timeout=PATIENCE)
    newest = page.locator("#orders tr").first
    expect(newest).to_contain_text("1 AAPL")
    expect(newest.locator(".status")).to_have_text("filled")
    expect(held).to_have_text(str(quantity + 1), timeout=PATIENCE)
    visit.expect_frame("order_update")

    assert visit.complaints == []
    assert visit.hosts == {urlsplit(market.url).netloc}


@needs_chromium
@pytest.mark.servers
def test_a_limit_order_waits_and_can_be_canceled(visit):
    page = visit.page
    visit.sign_in()

    page.get_by_role("radio", name="Limit").check()
    page.get_by_label("Limit price").fill("1.00")
    page.get_by_role("button", name="Buy AAPL", exact=True).click()
    expect(page.locator("#order-outcome")).to_have_text("Working: buy 1 AAPL at 1.00.")

    page.get_by_role("button", name="Cancel the order to buy AAPL").click()
    expect(page.locator("#orders tr").first.locator(".status")).to_have_text("canceled")


@needs_chromium
@pytest.mark.servers
def test_a_stop_order_waits_for_its_price(visit):
    page = visit.page
    visit.sign_in()
    page.get_by_role("button", name="AAPL").first.click()

    page.get_by_role("radio", name="Stop").check()
    page.get_by_role("radio", name="Sell").check()
    page.get_by_label("Stop price").fill("1.00")
    page.get_by_role("button", name="Sell AAPL", exact=True).click()

    expect(page.locator("#order-outcome")).to_have_text(
        "Working: sell 1 AAPL when it trades at 1.00."
    )
    page.get_by_role("button", name="Cancel the order to sell AAPL").click()
    expect(page.locator("#orders tr").first.locator(".status")).to_have_text("canceled")


@needs_chromium
@pytest.mark.servers
def test_a_refused_order_says_why(visit):
    page = visit.page
    visit.sign_in()

    page.get_by_role("radio", name="Sell").check()
    page.locator("#ticket [name='amount']").fill("1000000")
    page.get_by_role("button", name="Sell AAPL", exact=True).click()

    expect(page.locator("#order-outcome")).to_contain_text("available")


@needs_chromium
@pytest.mark.servers
def test_a_newcomer_opens_an_account_and_gets_paper_money(visit):
    page = visit.page

    page.get_by_text("New here? Open an account").click()
    form = page.locator("#register")
    form.get_by_label("E-mail").fill("newcomer@example.com")
    form.get_by_label("Password").fill("a horse, a staple")
    form.get_by_role("button", name="Open account").click()
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENCE)
    expect(page.locator("#equity")).to_have_text("$0.00")
    page.get_by_role("button", name="Deposit $10,000 of paper money").click()

    expect(page.locator("#equity")).to_have_text("$10,000.00", timeout=PATIENCE)


@needs_chromium
@pytest.mark.servers
def test_signing_out_ends_the_session_and_leaves_nothing_behind(visit, market):
    page = visit.page
    visit.sign_in()
    tokens = page.evaluate("JSON.parse(sessionStorage['brokerpro.tokens'])")

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("button", name=DEMO_BUTTON)).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    answer = page.request.post(
        f"{market.url}/api/auth/refresh/", data={"refresh_token": tokens["refresh_token"]}
    )
    assert answer.status == 401


@needs_chromium
@pytest.mark.servers
def test_the_page_comes_back_by_itself_after_the_server_was_gone(visit, market):
    page = visit.page
    visit.sign_in()

    market.kill()
    expect(page.locator("#connection")).to_have_text("Reconnecting", timeout=PATIENCE)
    market.start()
    expect(page.locator("#connection")).to_have_text("Live", timeout=30_000)

    bitcoin = page.locator("[data-symbol='BTC-USD'] .price")
    expect(bitcoin).not_to_have_text(bitcoin.inner_text(), timeout=PATIENCE)


@needs_chromium
@pytest.mark.servers
@pytest.mark.parametrize("width", [375, 1440])
def test_the_desk_fits_the_screen(visit, width):
    page = visit.page
    page.set_viewport_size({"width": width, "height": 812})
    visit.sign_in()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@needs_chromium
@pytest.mark.servers
def test_the_account_is_a_view_of_its_own_with_an_address_of_its_own(visit):
    page = visit.page
    visit.sign_in()
    expect(page.locator("#desk")).to_be_visible()
    expect(page.locator("#account")).to_be_hidden()

    page.get_by_role("link", name="Account", exact=True).click()
    expect(page.locator("#account")).to_be_visible()
    expect(page.locator("#desk")).to_be_hidden()

    page.reload()  # the address says which view it is
    expect(page.locator("#account")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Trade", exact=True).click()
    expect(page.locator("#desk")).to_be_visible()
    assert visit.complaints == []
