"""`rotate_signing_key`: what it writes and says, and a server that goes on meanwhile."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from django.core.management import CommandError, call_command

from authentication.management.commands import rotate_signing_key
from authentication.models import AuditEvent
from authentication.rules import signing_keys
from be.tests.price_reader import until
from exchange.tests.server import LiveServer
from exchange.tests.socket_client import SCENES

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def rotate(*args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("rotate_signing_key", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def keys_in(text: str) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(text)["keys"]
    return keys


def test_without_a_file_the_new_setting_is_printed_and_nothing_else(settings):
    out, err = rotate("--algorithm", "ES256")

    (key,) = keys_in(out)
    assert out.count("\n") == 1
    assert signing_keys.parse(out)[0].algorithm == "ES256"
    assert key["d"] not in err
    assert "JWT_ALGORITHM=ES256" in err

    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEYS = "ES256", out
    second, _ = rotate()
    assert [each["kid"] for each in keys_in(second)][1:] == [key["kid"]]


def test_a_file_is_made_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys.json"

    out, _ = rotate("--file", str(path), "--algorithm", "EdDSA")

    (key,) = keys_in(path.read_text())
    assert key["d"] not in out
    assert f"JWT_SIGNING_KEYS={path}" in out
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_rotation_keeps_keys_until_their_last_token_has_ended(tmp_path, settings):
    path = tmp_path / "keys.json"
    settings.JWT_SIGNING_KEYS = str(path)
    kids = []
    times = [NOW, NOW + timedelta(days=1), NOW + timedelta(days=14), NOW + timedelta(days=16)]
    for now in times:
        with time_machine.travel(now, tick=False):
            rotate("--after", "60")
        kids.append(keys_in(path.read_text())[0]["kid"])

    # The first signed until the second began, a minute after it was made; tokens last 14 days.
    assert [key["kid"] for key in keys_in(path.read_text())] == [kids[3], kids[2], kids[1]]


def test_the_audit_log_has_the_rotation_and_no_secret(tmp_path, settings):
    path = tmp_path / "keys.json"
    rotate("--file", str(path))
    settings.JWT_SIGNING_KEYS = str(path)

    rotate()

    event = AuditEvent.objects.get(event="signing key rotated")
    key = keys_in(path.read_text())[0]
    assert event.details["kid"] == key["kid"]
    assert key["k"] not in str(AuditEvent.objects.values())


@pytest.mark.parametrize("text", ["nonsense", "{}", '{"keys": []}'])
def test_what_is_no_key_set_is_left_as_it_is(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)

    with pytest.raises(CommandError, match="could not be rotated"):
        rotate("--file", str(path))
    assert path.read_text() == text


def test_a_time_before_which_some_server_may_not_have_looked_is_refused(tmp_path):
    with pytest.raises(CommandError, match="too soon"):
        rotate("--file", str(tmp_path / "keys.json"), "--after", "5")
    assert [*tmp_path.iterdir()] == []


class Caller(threading.Thread):
    """Somebody who asks all the time, and refreshes after every few answers."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__()
        self.tokens = server.call(f"{SCENES}:sign_in", email="alice@example.com")
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.statuses: list[int] = []
        self.kids: set[str] = set()
        self.stopping = threading.Event()

    def ask(self, method: str, path: str, body: str | None = None) -> Any:
        headers = {
            "Authorization": f"Bearer {self.tokens['token']}",
            "Content-Type": "application/json",
        }
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.statuses.append(answer.status)
        return json.loads(text)

    def run(self) -> None:
        while not self.stopping.is_set():
            for _ in range(5):
                self.ask("GET", "/api/auth/me/")
            body = json.dumps({"refresh_token": self.tokens["refresh_token"]})
            new = self.ask("POST", "/api/auth/refresh/", body)
            self.kids.add(jwt.get_unverified_header(new["access_token"])["kid"])
            self.tokens = {"token": new["access_token"], "refresh_token": new["refresh_token"]}


def test_no_request_fails_while_the_key_of_a_running_server_is_rotated(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "keys.json"
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEYS = "ES256", str(path)
    # The server looks every five seconds; waiting three times as long would only make it longer.
    monkeypatch.setattr(rotate_signing_key, "LEAST_SECONDS", 7)
    with time_machine.travel(NOW, tick=False):
        rotate("--file", str(path), "--after", "7")
    old = keys_in(path.read_text())[0]["kid"]
    with LiveServer(
        tmp_path, env={"JWT_ALGORITHM": "ES256", "JWT_SIGNING_KEYS": str(path)}
    ) as server:
        caller = Caller(server)
        caller.start()
        try:
            until(lambda: caller.kids == {old})
            rotate("--after", "7")
            new = keys_in(path.read_text())[0]["kid"]
            until(lambda: new in caller.kids)
        finally:
            caller.stopping.set()
            caller.join()
    assert caller.kids == {old, new}
    assert set(caller.statuses) == {200}
