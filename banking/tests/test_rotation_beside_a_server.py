"""`rotate_banking_key` killed and run again, while a server links accounts with the new key."""

import base64
import json
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from exchange.tests.server import ROOT, LiveServer
from exchange.tests.socket_client import SCENES

ROTATION = "banking.tests.rotation_scenes"
OLD = base64.urlsafe_b64encode(b"o" * 32).decode()
NEW = base64.urlsafe_b64encode(b"n" * 32).decode()
COUNT = 600


class Customer(threading.Thread):
    """Links one account after the other."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__()
        self.token = server.call(f"{SCENES}:sign_in", email="alice@example.com")["token"]
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.statuses: list[int] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            body = {
                "account_holder": "Alice",
                "bank_name": "Bank",
                "account_type": "checking",
                "account_number": f"{700_000_000 + len(self.statuses)}",
                "routing_number": "021000021",
            }
            headers = {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            }
            self.connection.request("POST", "/api/banking/accounts/", json.dumps(body), headers)
            answer = self.connection.getresponse()
            answer.read()
            self.statuses.append(answer.status)


def rotation(server: LiveServer) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "rotate_banking_key"],
        cwd=ROOT,
        env=server.env,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.servers
def test_a_killed_rotation_goes_on_where_it_was_while_customers_link_accounts(tmp_path: Path):
    with LiveServer(tmp_path, env={"BANKING_ENCRYPTION_KEY": f"{NEW},{OLD}"}) as server:
        server.call(f"{ROTATION}:link_many", count=COUNT, keys=OLD)
        assert server.call(f"{ROTATION}:left") == COUNT
        customer = Customer(server)
        customer.start()
        try:
            with rotation(server) as first:
                assert first.stdout is not None
                assert first.stdout.readline() == f"100 of {COUNT}\n"
                first.kill()
            left = server.call(f"{ROTATION}:left")
            assert 0 < left <= COUNT - 100

            with rotation(server) as second:
                assert second.stdout is not None
                printed = second.stdout.read()
            assert second.returncode == 0
            assert f"{left} of {left} account numbers were re-encrypted." in printed
        finally:
            customer.stopping.set()
            customer.join()
        assert customer.statuses
        assert set(customer.statuses) == {201}
        assert server.call(f"{ROTATION}:left") == 0
        everything = COUNT + len(customer.statuses)
        assert server.call(f"{ROTATION}:opened_by", keys=NEW) == everything
