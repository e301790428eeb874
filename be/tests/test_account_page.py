"""The page, walked through as a person would: from sign-up to a withdrawal, with real mails."""

import email
import re
from collections.abc import Iterator
from email.message import Message
from email.policy import default
from pathlib import Path
from time import monotonic

import pytest
from playwright.sync_api import Browser, Page, expect

from be.tests.browser import PATIENCE, Visit, needs_chromium
from be.tests.processes import running
from exchange.tests.server import LiveServer

pytestmark = [needs_chromium, pytest.mark.servers, pytest.mark.xdist_group("account page")]

PASSWORD = "a horse, a staple"


class Mailbox:
    """Mails as files in a folder; whoever waits for one tells the page's clock to go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def wait_for(self, address: str, subject: str, page: Page) -> Message:
        deadline = monotonic() + PATIENCE / 1000
        while True:
            for path in sorted(self.folder.glob("*.log")):
                text = path.read_text()
                for part in re.split(r"^-{20,}$", text, flags=re.MULTILINE):
                    message = email.message_from_string(part.lstrip(), policy=default)
                    if message["To"] == address and message["Subject"] == subject:
                        return message
            assert monotonic() < deadline, f"no mail for {address}: {subject}"
            page.wait_for_timeout(100)

    def link(self, address: str, subject: str, page: Page) -> str:
        message = self.wait_for(address, subject, page)
        body = message.get_body(("plain",))  # type: ignore[attr-defined]
        found = re.search(r"^http\S+$", body.get_content(), re.MULTILINE)
        assert found is not None
        # The tests' own address, where the tab's session is.
        return found[0].replace("//localhost:", "//127.0.0.1:")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mails")


@pytest.fixture(scope="module")
def market(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server as in production, as far as sign-up goes: e-mails have to be verified."""
    env = {"REQUIRE_VERIFIED_EMAIL": "true", "EMAIL_URL": f"file://{folder}"}
    with LiveServer(tmp_path_factory.mktemp("account"), env=env) as server:
        server.manage("seed_market", "--minutes", "1")
        with running(server, "manage.py", "run_exchange_simulator", "--interval", "0.5", "--plain"):
            yield server
            server.kill()


@pytest.fixture(scope="module")
def mailbox(folder: Path) -> Mailbox:
    return Mailbox(folder)


def register(page: Page, address: str) -> None:
    page.get_by_text("New here? Open an account").click()
    form = page.locator("#register")
    form.get_by_label("First name").fill("Carol")
    form.get_by_label("E-mail").fill(address)
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Open account").click()


def sign_in(page: Page, address: str, password: str = PASSWORD) -> None:
    form = page.locator("#login")
    form.get_by_label("E-mail").fill(address)
    form.get_by_label("Password").fill(password)
    form.get_by_role("button", name="Sign in", exact=True).click()


def link_bank(page: Page, number: str) -> None:
    expect(page.locator("#account-bank")).to_be_visible()
    if not page.locator("#bank-form").is_visible():
        page.get_by_text("Link a bank account", exact=True).click()
    form = page.locator("#bank-form")
    form.get_by_label("Account holder").fill("Carol Carter")
    form.get_by_label("Bank", exact=True).fill("Sandbox Bank")
    form.get_by_label("Routing number").fill("021000021")
    form.get_by_label("Account number").fill(number)
    form.get_by_role("button", name="Link").click()


def transfer(page: Page, kind: str, amount: str) -> None:
    form = page.locator("#transfer")
    form.get_by_role("radio", name=kind).check()
    form.get_by_label("Dollars").fill(amount)
    page.locator("#transfer-send").click()


def test_a_person_goes_from_sign_up_to_a_withdrawal(visit, mailbox):
    page, carol = visit.page, "carol@example.com"

    register(page, carol)
    expect(page.locator("#mailed-text")).to_contain_text(f"a mail to {carol}", timeout=PATIENCE)

    # Before the link is opened, the right password is not enough.
    page.locator("#mailed").get_by_role("button", name="Sign in").click()
    sign_in(page, carol)
    expect(page.locator("#mailed-text")).to_contain_text("Open the link", timeout=PATIENCE)
    visit.complaints.clear()  # Chromium writes a line for each answer that is a refusal

    page.goto(mailbox.link(carol, "Verify your e-mail", page))
    assert "#" not in page.url  # what lets somebody in does not stay in the address
    page.get_by_role("button", name="Verify my e-mail").click()
    expect(page.locator("#entry-outcome")).to_have_text("Your e-mail is verified. Now sign in.")
    sign_in(page, carol)
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENCE)

    # A bank account that is verified by micro-deposits.
    page.get_by_role("link", name="Account", exact=True).click()
    expect(page.locator("#profile-state")).to_have_text("verified")
    expect(page.locator("#no-verified-account")).to_be_visible()
    link_bank(page, "1000000004")
    account = page.locator("#bank-accounts li")
    expect(account).to_contain_text("Sandbox Bank ··0004")
    account.get_by_label("First amount").fill("0.11")
    account.get_by_label("Second amount").fill("0.12")
    account.get_by_role("button", name="Verify").click()
    expect(page.locator("#bank-outcome")).to_have_class(re.compile("bad"))
    expect(account).to_contain_text("2 tries are left")
    account.get_by_label("First amount").fill("0.32")
    account.get_by_label("Second amount").fill("0.45")
    account.get_by_role("button", name="Verify").click()
    expect(page.locator("#bank-outcome")).to_have_text("Sandbox Bank ··0004 is verified.")
    visit.complaints.clear()

    # Money in, and out again.
    transfer(page, "Deposit", "2,500")
    expect(page.locator("#transfer-outcome")).to_have_text("Deposit of $2,500.00 is done.")
    expect(page.locator("#equity")).to_have_text("$2,500.00")
    transfer(page, "Withdraw", "500.25")
    expect(page.locator("#transfer-outcome")).to_contain_text("Withdrawal of $500.25 is done.")
    expect(page.locator("#equity")).to_have_text("$1,999.75")
    expect(page.locator("#transfers tr")).to_have_count(2)
    expect(page.locator("#transfer-balance")).to_contain_text("$1,999.75")
    assert visit.complaints == []

    # Too much is refused, and moves nothing.
    transfer(page, "Withdraw", "2000")
    expect(page.locator("#transfer-outcome")).to_contain_text("available")
    expect(page.locator("#transfers tr")).to_have_count(2)


def test_transfers_that_take_time_or_fail_show_their_state(visit, mailbox, market):
    page, dave = visit.page, "dave@example.com"
    market.call(f"{__name__}:make_user", address=dave)
    sign_in(page, dave)
    page.get_by_role("link", name="Account", exact=True).click()

    link_bank(page, "1000000001")
    expect(page.locator("#bank-outcome")).to_contain_text("linked and verified")
    transfer(page, "Deposit", "100")
    expect(page.locator("#transfer-outcome")).to_contain_text("on its way")
    expect(page.locator("#transfers tr .status").first).to_contain_text("pending")
    # The page looks again by itself.
    expect(page.locator("#transfers tr .status").first).to_contain_text("completed", timeout=30_000)

    transfer(page, "Deposit", "50")
    page.get_by_role("button", name="Cancel the deposit").click()
    expect(page.locator("#transfers tr .status").first).to_contain_text("canceled")

    link_bank(page, "1000000002")
    expect(page.locator("#bank-accounts li")).to_have_count(2)
    page.locator("#transfer").get_by_label("Bank account").select_option(
        label="Sandbox Bank ··0002"
    )
    transfer(page, "Deposit", "75")
    expect(page.locator("#transfers tr .status").first).to_contain_text("account closed")

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Unlink Sandbox Bank ··0002").click()
    expect(page.locator("#bank-accounts li")).to_have_count(1)


def make_user(address: str) -> None:
    from django.utils import timezone

    from authentication import registration

    registration.register(
        email=address, password=PASSWORD, first_name="D", last_name="", now=timezone.now()
    )


def test_who_forgot_the_password_gets_in_by_a_mail(visit, mailbox, market):
    page, erin = visit.page, "erin@example.com"
    market.call(f"{__name__}:make_user", address=erin)
    page.get_by_role("button", name="Forgot your password?").click()
    page.locator("#forgot").get_by_label("E-mail").fill(erin)
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.locator("#mailed-text")).to_contain_text(f"If {erin} has an account")

    link = mailbox.link(erin, "Choose a new password", page)
    page.goto(link)
    page.locator("#reset").get_by_label("New password").fill("12345678")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#entry-outcome")).to_have_class(re.compile("bad"))
    page.locator("#reset").get_by_label("New password").fill("a battery, a window")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#entry-outcome")).to_contain_text("Your password is changed")
    sign_in(page, erin, "a battery, a window")
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENCE)
    mailbox.wait_for(erin, "Your password was changed", page)

    page.get_by_role("button", name="Sign out").click()
    page.goto(link)
    page.locator("#reset").get_by_label("New password").fill("another, longer one")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#entry-outcome")).to_contain_text("expired or was used before")


def test_who_has_an_account_already_reads_so_in_a_mail_alone(visit, mailbox, market):
    page, frank = visit.page, "frank@example.com"
    market.call(f"{__name__}:make_user", address=frank)
    register(page, frank)
    expect(page.locator("#mailed-text")).to_contain_text(f"a mail to {frank}", timeout=PATIENCE)
    mailbox.wait_for(frank, "You have an account already", page)


def test_a_new_email_is_used_once_its_link_is_opened(visit, mailbox, market):
    page, grace = visit.page, "grace@example.com"
    market.call(f"{__name__}:make_user", address=grace)
    sign_in(page, grace)
    page.get_by_role("link", name="Account", exact=True).click()
    page.get_by_text("Change the e-mail").click()
    form = page.locator("#new-email")
    form.get_by_label("New e-mail").fill("grace@work.example")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Mail me a link").click()
    expect(page.locator("#profile-outcome")).to_contain_text("grace@work.example")

    page.goto(mailbox.link("grace@work.example", "Verify your new e-mail", page))
    page.get_by_role("button", name="Verify my e-mail").click()
    expect(page.locator("#connection")).to_have_text("Live", timeout=PATIENCE)
    page.get_by_role("link", name="Account", exact=True).click()
    expect(page.locator("#profile-email")).to_have_text("grace@work.example")
    mailbox.wait_for(grace, "Your e-mail was changed", page)


@pytest.mark.parametrize("width", [375, 1440])
def test_every_view_fits_the_screen(browser: Browser, market: LiveServer, width: int):
    visit = Visit(browser, market, "/reset/#token")
    page = visit.page
    page.set_viewport_size({"width": width, "height": 812})
    market.call(f"{__name__}:make_user", address=f"henry{width}@example.com")
    fits = "document.documentElement.scrollWidth === innerWidth"
    assert page.evaluate(fits)
    page.locator("#reset").get_by_role("button", name="Back").click()
    sign_in(page, f"henry{width}@example.com")
    page.get_by_role("link", name="Account", exact=True).click()
    link_bank(page, "1000000004")
    expect(page.locator("#bank-accounts li")).to_have_count(1)
    page.get_by_text("numbers to try").click()
    assert page.evaluate(fits)
    assert visit.complaints == []
    page.close()
