"""Tests in a real browser: Chromium, and a page that notes what it asks for and complains of.

The fixtures `browser`, `market` (a server with moving prices) and `visit` are in conftest.py.
"""

from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, WebSocket, expect

from exchange.tests.server import LiveServer

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DEMO_BUTTON = "Sign in as the demo customer"
PATIENCE = 15_000.0  # milliseconds; only what fails takes so long

needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="/usr/bin/chromium is missing: apt-get install chromium"
)


class Visit:
    """A page of its own, and what it did: requests, messages of the socket, complaints."""

    def __init__(self, browser: Browser, server: LiveServer, path: str = "/") -> None:
        self.page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.page.set_default_timeout(PATIENCE)
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        self.frames: list[str] = []
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("websocket", self._listen)
        self.page.goto(server.url + path)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _listen(self, socket: WebSocket) -> None:
        self.hosts.add(urlsplit(socket.url).netloc)
        socket.on("framereceived", lambda text: self.frames.append(str(text)))

    def sign_in(self) -> None:
        self.page.get_by_role("button", name=DEMO_BUTTON).click()
        expect(self.page.locator("#connection")).to_have_text("Live", timeout=PATIENCE)

    def expect_frame(self, kind: str) -> None:
        """Wait for a message of this type; what REST has answered may be on the page before it."""
        deadline = monotonic() + PATIENCE / 1000
        while not any(f'"{kind}"' in frame for frame in self.frames):
            assert monotonic() < deadline, f"no {kind} has come over the socket"
            self.page.wait_for_timeout(50)
