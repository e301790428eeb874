"""In production behind nginx, configured as in docs/deployment.md: clients keep their addresses."""

import base64
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from be.tests.nginx import HOST, Nginx, needs_nginx, nginx_before
from exchange.tests.server import DAPHNE, UVICORN, LiveServer

pytestmark = needs_nginx

PASSWORD = "a-long-password-2026"
OWNER, ATTACKER, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": HOST,
    "BANKING_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "IDENTITY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "KYC_REQUIRED": "false",
    "TRUSTED_PROXIES": "127.0.0.1",
    "EMAIL_URL": "console://",
}
# With the servers' own options, which believe whatever a client writes.
COMMANDS = {
    "daphne": (*DAPHNE[:2], "--proxy-headers", *DAPHNE[2:]),
    "uvicorn": (*UVICORN[:2], "--forwarded-allow-ips", "*", *UVICORN[2:]),
}


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """Asks from an address of its own, through nginx or past it."""

    nginx: Nginx
    address: str
    server_port: int | None = None
    cookies: str = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A request; a dict is sent as JSON."""
        if isinstance(body, dict):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        # In either case the host is what the browser would say.
        headers = {"Host": self.nginx.authority, "Cookie": self.cookies, **headers}
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            answer: HTTPResponse = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        source = (self.address, 0)
        if self.server_port is not None:
            return HTTPConnection("127.0.0.1", self.server_port, 30, source)
        return HTTPSConnection(
            "127.0.0.1", self.nginx.tls_port, timeout=30, source_address=source,
            context=self.nginx.context,
        )  # fmt: skip

    def sign_in(self, password: str = PASSWORD, **headers: str) -> Answer:
        body = {"email": "alice@example.com", "password": password}
        return self.ask("POST", "/api/auth/login/", body, **headers)

    def sign_in_to_admin(self, password: str) -> int:
        """As a browser does: the form first, with its cookie. 302 for who is let in."""
        self.cookies = ""
        form = self.ask("GET", "/admin/login/")
        assert form.status == 200
        self.cookies = form.headers["Set-Cookie"].partition(";")[0]
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', form.body)
        assert token is not None
        fields = {
            "csrfmiddlewaretoken": token[1].decode(),
            "username": "root@example.com",
            "password": password,
        }
        here = f"https://{self.nginx.authority}"
        return self.ask(
            "POST", "/admin/login/", urlencode(fields), Origin=here, Referer=f"{here}/admin/login/",
            **{"Content-Type": "application/x-www-form-urlencoded"},
        ).status  # fmt: skip


@pytest.fixture(params=COMMANDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[LiveServer, Nginx]]:
    with (
        LiveServer(tmp_path, env=PRODUCTION, command=COMMANDS[request.param]) as server,
        nginx_before(server.port, tmp_path) as nginx,
    ):
        server.call(f"{__name__}:make_people")
        yield server, nginx


def make_people() -> None:
    from authentication.models import User

    User.objects.create_user("alice@example.com", PASSWORD)
    User.objects.create_superuser("root@example.com", PASSWORD)


def test_behind_nginx(site: tuple[LiveServer, Nginx]):
    """All in one, since starting a server takes longer than asking it."""
    server, nginx = site
    owner, attacker = Browser(nginx, OWNER), Browser(nginx, ATTACKER)
    past_nginx = Browser(nginx, STRANGER, server.port)

    # Pages come over https without a redirect, plain HTTP is sent there once, past nginx too.
    assert owner.ask("GET", "/").status == 200
    assert owner.ask("GET", "/", **{"X-Forwarded-Proto": "http"}).status == 200
    for proto in ({}, {"X-Forwarded-Proto": "https"}):
        plain = past_nginx.ask("GET", "/", **proto)
        assert plain.status == 301
        assert plain.headers["Location"] == f"https://{nginx.authority}/"

    # Ten wrong passwords close the account to the address that they came from, whatever it writes.
    tries = [
        attacker.sign_in("wrong", **{"X-Forwarded-For": f"198.51.100.{n}", "X-Real-IP": OWNER})
        for n in range(11)
    ]
    assert [each.status for each in tries] == [401] * 10 + [429]
    assert attacker.sign_in().status == 429
    signed_in = owner.sign_in()
    assert signed_in.status == 200

    # The owner's list of sessions shows where they are.
    token = signed_in.json()["access_token"]
    sessions = owner.ask("GET", "/api/auth/sessions/", Authorization=f"Bearer {token}").json()
    assert [each["ip_address"] for each in sessions["results"]] == [OWNER]

    # The same at the admin's door, whose cookies and origin need https to be seen.
    assert [attacker.sign_in_to_admin("wrong") for _ in range(10)] == [200] * 10
    assert attacker.sign_in_to_admin(PASSWORD) == 200
    assert owner.sign_in_to_admin(PASSWORD) == 302

    # A WebSocket goes through.
    with connect(
        f"wss://{nginx.authority}/ws/market-data/",
        sock=create_connection(("127.0.0.1", nginx.tls_port), 10, (OWNER, 0)),
        ssl=nginx.context,
        origin=Origin(f"https://{nginx.authority}"),
    ) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        assert json.loads(socket.recv(10))["type"] == "auth_success"

    # The server's log names the clients as well.
    assert f"{ATTACKER}:0" in server.output
    assert "198.51.100." not in server.output


def test_who_goes_past_nginx_is_not_believed(tmp_path: Path):
    """Without TLS, so that a direct request is answered."""
    env = {**PRODUCTION, "SECURE_SSL_REDIRECT": "false"}
    with (
        LiveServer(tmp_path, env=env) as server,
        nginx_before(server.port, tmp_path) as nginx,
    ):
        server.call(f"{__name__}:make_people")
        forger = Browser(nginx, STRANGER, server.port)
        statuses = [
            forger.sign_in("wrong", **{"X-Forwarded-For": f"198.51.100.{n}"}).status
            for n in range(11)
        ]
        assert statuses == [401] * 10 + [429]
