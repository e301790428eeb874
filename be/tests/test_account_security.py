"""Second factors in a real browser, with a virtual authenticator of it: set up, and used."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from authentication.rules import totp
from be.tests.browser import PATIENCE, needs_chromium
from exchange.tests.server import LiveServer

pytestmark = [needs_chromium, pytest.mark.servers, pytest.mark.xdist_group("account security")]

PASSWORD = "a horse, a staple"
SCENES = "banking.tests.second_factor_scenes"
# Of a phone that is unlocked by a finger: it is there, and its owner touches it at once.
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("security")) as server:
        server.manage("seed_market", "--minutes", "1")
        yield server


class Customer:
    """A new customer with $100 in a browser that has an authenticator, and what it complained."""

    def __init__(self, browser: Browser, server: LiveServer, email: str) -> None:
        self.server, self.email = server, email
        server.call(f"{SCENES}:register", email=email, password=PASSWORD)
        # Passkeys are made for names, and 127.0.0.1 is none.
        self.url = server.url.replace("127.0.0.1", "localhost")
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.cdp: CDPSession = self.page.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self.authenticator: str = made["authenticatorId"]
        self.page.goto(self.url)

    def _hear(self, message: Any) -> None:
        # A refusal that the page shows is a line of the browser's, too.
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def type_password(self) -> None:
        form = self.page.locator("#login")
        form.get_by_label("E-mail").fill(self.email)
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Sign in", exact=True).click()

    def open_security(self) -> Any:
        self.page.get_by_role("link", name="Account").click()
        section = self.page.locator("#account-security")
        expect(section.get_by_role("heading", name="Passkeys")).to_be_visible()
        return section

    def expect_signed_in(self) -> None:
        expect(self.page.locator("#connection")).to_have_text("Live", timeout=PATIENCE)

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out").click()
        expect(self.page.locator("#login")).to_be_visible()

    def add_passkey(self) -> list[str]:
        """Add a passkey, and return the recovery codes that came with it."""
        section = self.open_security()
        section.get_by_label("Name of a new passkey").fill("My phone")
        section.get_by_role("button", name="Add a passkey").click()
        expect(section.locator(".outcome")).to_have_text("The passkey is added.")
        codes: list[str] = section.locator("#recovery-codes li").all_inner_texts()
        return codes

    def forget_step_ups(self) -> None:
        self.server.call(f"{SCENES}:forget_step_ups", email=self.email)

    def withdraw(self) -> None:
        """Ask for a withdrawal as the page's scripts do; the body notes what comes of it."""
        body = self.server.call(f"{SCENES}:withdrawal", email=self.email)
        self.page.evaluate(
            """body => {
                window.outcome = null;
                const tell = (words) => (document.body.dataset.outcome = words);
                import("/static/brokerpro/session.js")
                    .then((session) => session.call("POST", "/api/banking/transactions/", { body }))
                    .then((done) => tell(done.status), (refused) => tell(refused.code));
            }""",
            body,
        )

    def expect_outcome(self, outcome: str) -> None:
        expect(self.page.locator("body")).to_have_attribute("data-outcome", outcome)

    def dollars(self) -> str:
        found: str = self.server.call(f"{SCENES}:dollars", email=self.email)
        return found


@pytest.fixture
def customer(
    browser: Browser, server: LiveServer, request: pytest.FixtureRequest
) -> Iterator[Customer]:
    name = re.sub(r"\W+", "-", request.node.name)[:40]
    customer = Customer(browser, server, f"{name}@example.com")
    yield customer
    customer.page.close()


def test_a_passkey_is_added_signs_in_and_steps_up(customer: Customer):
    page = customer.page
    customer.type_password()
    customer.expect_signed_in()
    codes = customer.add_passkey()
    assert len(set(codes)) == 10
    expect(page.get_by_role("table", name="Passkeys")).to_contain_text("My phone")

    # The password is not enough any more; the passkey is asked for.
    customer.sign_out()
    customer.type_password()
    factor = page.locator("#second-factor")
    expect(factor).to_be_visible()
    expect(page.locator("#connection")).to_be_hidden()
    factor.get_by_role("button", name="Use a passkey").click()
    customer.expect_signed_in()

    # Six minutes later a withdrawal asks again, and moves nothing until it is answered.
    customer.forget_step_ups()
    customer.withdraw()
    dialog = page.get_by_role("dialog", name="Is it you?")
    expect(dialog).to_be_visible()
    assert customer.dollars() == "100.00"
    dialog.get_by_role("button", name="Use a passkey").click()
    customer.expect_outcome("completed")
    expect(dialog).to_be_hidden()
    assert customer.dollars() == "90.00"
    assert customer.complaints == []


def test_a_passkey_alone_signs_in(customer: Customer):
    customer.type_password()
    customer.expect_signed_in()
    customer.add_passkey()
    customer.sign_out()

    customer.page.get_by_role("button", name="Sign in with a passkey").click()

    customer.expect_signed_in()
    expect(customer.page.locator("#email")).to_have_text(customer.email)
    assert customer.complaints == []


def test_a_finger_that_is_not_the_owners_opens_nothing(customer: Customer):
    customer.type_password()
    customer.expect_signed_in()
    customer.add_passkey()
    customer.sign_out()
    customer.cdp.send(
        "WebAuthn.setUserVerified",
        {"authenticatorId": customer.authenticator, "isUserVerified": False},
    )

    customer.page.get_by_role("button", name="Sign in with a passkey").click()

    expect(customer.page.locator("#entry-outcome")).to_contain_text("No passkey was used")
    expect(customer.page.locator("#login")).to_be_visible()


def test_a_clone_of_the_passkey_is_refused_by_the_page_too(customer: Customer):
    customer.type_password()
    customer.expect_signed_in()
    customer.add_passkey()
    customer.sign_out()
    button = customer.page.get_by_role("button", name="Sign in with a passkey")
    button.click()
    customer.expect_signed_in()
    customer.sign_out()
    known = customer.cdp.send(
        "WebAuthn.getCredentials", {"authenticatorId": customer.authenticator}
    )["credentials"][0]
    customer.cdp.send(
        "WebAuthn.removeCredential",
        {"authenticatorId": customer.authenticator, "credentialId": known["credentialId"]},
    )
    customer.cdp.send(
        "WebAuthn.addCredential",
        {"authenticatorId": customer.authenticator, "credential": {**known, "signCount": 0}},
    )

    button.click()

    expect(customer.page.locator("#entry-outcome")).to_contain_text("does not work")


def test_an_app_is_set_up_by_its_qr_code_and_asked_for(customer: Customer):
    page = customer.page
    customer.type_password()
    customer.expect_signed_in()
    section = customer.open_security()
    section.get_by_role("button", name="Set up an app").click()
    image = section.get_by_alt_text("A QR code for your authenticator app")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.complete && image.naturalWidth > 100")
    secret = section.locator(".key").inner_text().replace(" ", "")
    now = datetime.now(UTC)
    section.get_by_label("Code", exact=True).fill(totp.code_at(secret, totp.step_at(now)))
    section.get_by_role("button", name="Confirm").click()
    expect(section.locator(".outcome")).to_have_text("The app is set up.")
    codes = section.locator("#recovery-codes li").all_inner_texts()
    with page.expect_download() as download:
        section.get_by_role("link", name="Download them").click()
    assert all(code in download.value.path().read_text() for code in codes)

    # A wrong code is refused, and the next one that the app shows lets in.
    customer.sign_out()
    customer.type_password()
    factor = page.locator("#second-factor")
    factor.get_by_label("Code").fill("000000")
    factor.get_by_role("button", name="Continue").click()
    expect(page.locator("#entry-outcome")).to_contain_text("does not work")
    later = datetime.now(UTC) + timedelta(seconds=30)
    factor.get_by_label("Code").fill(totp.code_at(secret, totp.step_at(later)))
    factor.get_by_role("button", name="Continue").click()
    customer.expect_signed_in()

    # A step-up that is canceled does nothing; one by a recovery code does.
    customer.forget_step_ups()
    section = customer.open_security()
    section.get_by_role("button", name="Remove the app").click()
    dialog = page.get_by_role("dialog", name="Is it you?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(section.locator(".outcome")).to_contain_text("step-up")
    section.get_by_role("button", name="Remove the app").click()
    dialog.get_by_label("Code of your app, or a recovery code").fill(codes[0])
    dialog.get_by_role("button", name="Confirm").click()
    expect(section.locator(".outcome")).to_have_text("The app is removed.")
    expect(section.get_by_role("button", name="Set up an app")).to_be_visible()
    assert customer.complaints == []


def test_another_session_is_ended_and_the_password_changed(customer: Customer):
    page = customer.page
    customer.server.call(f"{SCENES}:sign_in_elsewhere", email=customer.email)
    customer.type_password()
    customer.expect_signed_in()
    section = customer.open_security()
    rows = page.get_by_role("table", name="Sessions").locator("tr")
    expect(rows).to_have_count(2)

    section.get_by_role("button", name="End the session of 192.0.2.9").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("this one")

    section.get_by_label("Current password").fill(PASSWORD)
    section.get_by_label("New password").fill("a battery, a window")
    section.get_by_role("button", name="Change the password").click()
    expect(page.locator("#notice")).to_contain_text("Your password is changed")
    expect(page.locator("#login")).to_be_visible()
    assert customer.complaints == []
