"""docs/life-of-a-tick.md lists the modules that a tick calls, in the order of the calls."""

import re
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.db import connection

from be.embedded.channel_layer import EmbeddedChannelLayer
from be.tests.call_order import modules_called
from exchange.models import Instrument
from exchange.seeding import listing
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.run import lease
from exchange.simulator.run.runner import Runner
from exchange.simulator.sources.round_source import RoundSource
from exchange.streaming import publisher
from exchange.streaming.hub import Hub
from exchange.tests.hub.readers import database, reader_of, until
from exchange.tests.market import NOW, set_quote

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = Path(settings.BASE_DIR, "docs", "life-of-a-tick.md")
# An item of the page's list: the path of a module, and the one database that calls it.
ITEM = re.compile(r"^\d+\. `([\w/]+)\.py`(?: \((PostgreSQL|SQLite) only\))?:", re.MULTILINE)
PATIENCE = 10.0  # only what fails takes so long
LISTED = {"AAPL": "stock"}
SPECS = tuple(spec for spec in CATALOGUE if spec.symbol in LISTED)


def listed(database: str) -> list[str]:
    found = ITEM.findall(PAGE.read_text())
    return [path.replace("/", ".") for path, only in found if only in ("", database)]


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub on the channel layer to which the round is published."""
    layer = EmbeddedChannelLayer(tmp_path / "channels.sqlite3", poll_interval=0.01)
    monkeypatch.setitem(channel_layers.backends, "default", layer)
    hub = Hub(layer=layer, heartbeat_seconds=60, stall_seconds=60, check_seconds=60)
    hub.start()
    await until(lambda: any(address.startswith("group:") for address in layer._listeners))
    yield hub
    for socket in hub.sockets:
        socket.forget()
    await hub.stop()
    await layer.close()


def new_runner() -> Runner:
    """A simulator after two rounds: what happens only at the start of a process has happened."""
    # All in one minute: corporate actions are looked at once a minute.
    times = (NOW + timedelta(milliseconds=count) for count in range(1000))
    listing.list_instruments(SPECS, now=NOW)
    set_quote(Instrument.objects.get())
    lease.acquire("me", now=NOW)
    runner = Runner(
        RoundSource(MarketModel(SPECS, seed=1, at=NOW), listed=LISTED),
        holder="me",
        interval=2,
        duration=None,
        clock=lambda: next(times),
        stop=threading.Event(),
        report=lambda _: None,
        listed=LISTED,
    )
    runner.make_round()
    runner.make_round()
    assert publisher.flush(timeout=PATIENCE)
    return runner


async def test_the_page_lists_the_modules_in_the_order_of_their_calls(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, is_postgresql: bool
):
    runner = await database(new_runner)
    reader, _, _ = await reader_of(hub, "AAPL")
    arrived = threading.Event()
    send = publisher.send

    def send_and_wait(message: publisher.Message) -> None:
        """The rest of the round, its orders, begins when the tick is at the socket."""
        send(message)
        arrived.wait(PATIENCE)

    def make_round() -> None:
        try:
            runner.make_round()
        finally:
            connection.close()

    monkeypatch.setattr(publisher, "send", send_and_wait)
    monkeypatch.setattr(publisher, "_publisher", publisher._Publisher())  # starts a thread
    with modules_called() as called:
        simulator = threading.Thread(target=make_round)
        simulator.start()
        await until(lambda: reader.frames("price_update"))
        walk = list(called)
    arrived.set()
    simulator.join(PATIENCE)

    assert walk == listed("PostgreSQL" if is_postgresql else "SQLite")
