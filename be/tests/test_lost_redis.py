"""REST goes on without Redis: messages to sockets are lost, committed changes are not."""

import signal
from pathlib import Path

import pytest

from be.tests.storm import ORDERS, RECOVERY, TRANSACTIONS, Client
from exchange.tests.redis_server import needs_redis, redis_server
from exchange.tests.server import LiveServer, free_port

BUY = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}


@pytest.mark.servers
@needs_redis
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
