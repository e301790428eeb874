"""REST goes on without Redis: what it tells sockets is lost, what it does is not."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from be.tests.storm import ORDERS, RECOVERY, TRANSACTIONS, Client
from exchange.tests.server import LiveServer, free_port

BUY = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}


@contextmanager
def redis_server(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A Redis that keeps nothing, killed in the end."""
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@pytest.mark.servers
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_orders_and_money_need_no_redis_that_answers_nor_one_at_all(tmp_path: Path):
    port = free_port()
    env = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "QUOTE_MAX_AGE_SECONDS": "3600"}
    with redis_server(port) as redis, LiveServer(tmp_path, env=env) as server:
        [known] = server.call(f"{RECOVERY}:open_market", customers=1)
        alice = Client(server.port, **known)
        assert trades(alice) == "ok"
        redis.send_signal(signal.SIGSTOP)
        assert trades(alice) == "down"
        redis.kill()
        assert trades(alice) == "down"


def trades(customer: Client) -> str:
    """Fetch a dollar and buy a share; what the server then says of its channel layer."""
    dollar = {"account": customer.account, "type": "deposit", "amount": "1"}
    assert customer.send("POST", TRANSACTIONS, dollar).status == 201
    order = customer.send("POST", ORDERS, BUY)
    assert (order.status, order.document["status"]) == (201, "filled")
    status = customer.send("GET", "/api/exchange/api/v1/status/")
    assert status.status == 200
    layer: str = status.document["checks"]["channel_layer"]
    return layer
