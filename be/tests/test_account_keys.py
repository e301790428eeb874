"""API keys in the page: made, shown once, used, and revoked."""

from http.client import HTTPConnection

import pytest
from playwright.sync_api import expect

from be.tests.browser import Visit, needs_chromium

pytestmark = [needs_chromium, pytest.mark.servers, pytest.mark.xdist_group("account keys")]


def status_of(visit: Visit, credential: str) -> int:
    connection = HTTPConnection(visit.page.url.split("/")[2], timeout=30)
    headers = {"Authorization": f"Bearer {credential}"}
    connection.request("GET", "/api/banking/balances/", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_key_is_made_shown_once_and_revoked(visit: Visit):
    page = visit.page
    visit.sign_in()
    page.get_by_role("link", name="Account").click()
    section = page.locator("#account-keys")
    section.get_by_label("Name of a new key").fill("Momentum bot")
    section.get_by_label("Trade").check()
    section.get_by_label("Only from these addresses").fill("127.0.0.0/8 ::1")

    section.get_by_role("button", name="Make a key").click()

    expect(section.locator(".outcome")).to_have_text("The key is made.")
    credential = section.locator("output").inner_text()
    assert status_of(visit, credential) == 200
    row = section.get_by_role("row").filter(has_text="Momentum bot")
    expect(row).to_contain_text("Read, Trade")
    expect(row).to_contain_text("127.0.0.0/8, ::1/128")
    expect(row).to_contain_text(credential.partition(".")[0])

    page.reload()
    expect(row).to_be_visible()
    assert credential.partition(".")[2] not in page.content()

    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Revoke Momentum bot").click()

    expect(section.locator(".outcome")).to_have_text("Momentum bot is revoked.")
    expect(row).to_have_count(0)
    assert status_of(visit, credential) == 401
    assert visit.complaints == []


def test_what_the_server_refuses_is_said(visit: Visit):
    page = visit.page
    visit.sign_in()
    page.get_by_role("link", name="Account").click()
    section = page.locator("#account-keys")
    section.get_by_label("Name of a new key").fill("Bot")
    section.get_by_label("Only from these addresses").fill("nowhere")

    section.get_by_role("button", name="Make a key").click()

    expect(section.locator(".outcome")).to_contain_text("no address")
    expect(section.get_by_label("Name of a new key")).to_have_value("Bot")
