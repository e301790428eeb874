"""A whole broker, shared by the tests that only need one to talk to."""

from collections.abc import Iterator

import pytest

from be.tests.processes import running
from exchange.tests.server import LiveServer


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server and a simulator as two processes, on SQLite and the embedded layer, seeded.

    Tests that use it carry `@pytest.mark.xdist_group("broker")`, so that one worker starts it.
    """
    with LiveServer(tmp_path_factory.mktemp("broker")) as server:
        server.manage("seed_market", "--days", "30", "--minutes", "1")
        with running(server, "manage.py", "run_exchange_simulator", "--interval", "0.5"):
            yield server
