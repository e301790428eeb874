"""A lost or late message never changes what was committed."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from channels.layers import channel_layers

from authentication.models import User
from be.kernel.refusals import Refusal
from exchange.models import Instrument, InstrumentStatus, Order, OrderClass, Quote
from exchange.streaming import publish, publisher
from exchange.tests import market
from exchange.trading import halts, orders
from exchange.trading.intake.requests import StopLoss


class Recorder:
    """A channel layer that keeps what it is given, or fails, or holds the sender up."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = threading.Semaphore(0)
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.sent: list[publish.Document] = []

    async def group_send(self, group: str, message: publish.Document) -> None:
        self.asked.release()
        self.goes_on.wait(10)
        if self.error:
            raise self.error
        self.sent.append(message)

    @property
    def messages(self) -> list[publish.Document]:
        """All that was published so far, one by one."""
        assert publisher.flush(timeout=10)
        return [
            each
            for message in self.sent
            for each in (message["messages"] if message["type"] == "stream.batch" else [message])
        ]

    def hold_up(self) -> None:
        """The sender has taken a message, and stays with it until `goes_on`."""
        self.goes_on.clear()
        publish.alert({"title": "first"})
        self.asked.acquire()


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder()
    monkeypatch.setitem(channel_layers.backends, "default", recorder)
    yield recorder
    recorder.goes_on.set()
    publisher.flush(timeout=10)


def updates(layer: Recorder) -> list[tuple[int, str]]:
    return [
        (update["sequence"], update["event"])
        for message in layer.messages
        if message["type"] == "stream.orders"
        for update in message["updates"]
    ]


def test_a_lost_bus_does_not_turn_a_committed_order_into_an_error(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    layer.error = OSError("connection refused")
    with django_capture_on_commit_callbacks(execute=True):
        market.place(alice)
        market.advance(market.tick("AAPL", "191.00", "191.02"))
    assert layer.messages == []
    assert layer.asked.acquire(blocking=False)
    assert Order.objects.get().status == "filled"
    assert Quote.objects.get().sequence == 2


def test_every_change_of_an_order_is_told_in_order_and_numbered(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        market.place(alice)
        market.place(alice, "buy", "1", limit="180.00")
        market.advance(market.tick("AAPL", "178.00", "178.02"))
    assert updates(layer) == [(1, "new"), (2, "fill"), (3, "new"), (4, "fill")]
    (rounds,) = (each for each in layer.messages if each["type"] == "stream.quotes")
    assert rounds["sequence"] == 1


def test_nothing_is_told_of_what_was_rolled_back(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Refusal):
        market.place(alice, "buy", "1000")
    assert layer.messages == []


def test_an_order_that_waited_is_told_when_it_wakes(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    stale = market.NOW + timedelta(minutes=5)
    with django_capture_on_commit_callbacks(execute=True):
        market.place(alice, now=stale)
        market.advance(market.tick("AAPL", "190.00", "190.02"), at=stale)
    assert [event for _, event in updates(layer)] == ["accepted", "new", "fill"]


def test_the_other_exit_is_told_that_a_part_of_the_first_has_lowered_it(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    market.give(alice, aapl.asset, "10")
    with django_capture_on_commit_callbacks(execute=True):
        profit = market.place(
            alice,
            "sell",
            "10",
            limit="200.00",
            order_class=OrderClass.OCO,
            stop_loss=StopLoss(Decimal("180.00")),
        )
        market.advance(market.tick("AAPL", "200.00", "200.02", size="6"))
    told = [
        (update["order"]["id"] == str(profit.pk), update["event"], update["order"]["quantity"])
        for message in layer.messages
        for update in message.get("updates", ())
    ]
    assert told == [
        (True, "new", "10"),
        (False, "new", "10"),
        (True, "partial_fill", "10"),
        (False, "new", "4"),
    ]


def test_exits_are_told_when_their_entry_has_ended(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    Quote.objects.update(ask_size=4_000_000)
    with django_capture_on_commit_callbacks(execute=True):
        entry = market.place(
            alice,
            quantity="10",
            limit="190.02",
            order_class=OrderClass.OTO,
            stop_loss=StopLoss(Decimal("180.00")),
        )
        orders.cancel(owner_id=alice.pk, order_id=entry.pk, now=market.NOW)
        market.advance(market.tick("AAPL", "190.00", "190.02"))
    assert [event for _, event in updates(layer)] == [
        *["accepted", "new", "partial_fill"],
        *["canceled", "accepted"],
        "new",
    ]


def test_a_halt_and_its_end_are_announced_once(
    layer: Recorder, aapl: Instrument, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        for status in (InstrumentStatus.HALTED, InstrumentStatus.HALTED, InstrumentStatus.ACTIVE):
            halts.set_status(symbol="AAPL", status=status, now=market.NOW)
    alerts = [message["alert"] for message in layer.messages]
    assert [alert["title"] for alert in alerts] == [
        "AAPL halted",
        "AAPL trades again",
    ]


# The queue ---------------------------------------------------------------------------------------


def tell(owner_id: UUID, sequence: int) -> None:
    publish.order_updates(owner_id=owner_id, updates=[{"sequence": sequence}])


def test_who_publishes_does_not_wait_for_the_bus(layer: Recorder):
    layer.hold_up()
    publish.alert({"title": "second"})
    assert layer.sent == []
    assert not publisher.flush(timeout=0)
    layer.goes_on.set()
    assert [message["alert"]["title"] for message in layer.messages] == ["first", "second"]


def test_order_updates_that_wait_go_together_and_nothing_changes_its_place(layer: Recorder):
    alice, bob = uuid4(), uuid4()
    layer.hold_up()
    tell(alice, 1)
    tell(bob, 1)
    tell(alice, 2)
    publish.quotes(sequence=7, documents=[])
    tell(bob, 2)
    layer.goes_on.set()
    told = [(message["type"], message.get("owner")) for message in layer.messages]
    assert told == [
        ("stream.alert", None),
        ("stream.orders", str(alice)),
        ("stream.orders", str(bob)),
        ("stream.orders", str(alice)),
        ("stream.quotes", None),
        ("stream.orders", str(bob)),
    ]
    assert [message["type"] for message in layer.sent] == [
        "stream.alert",
        "stream.batch",
        "stream.quotes",
        "stream.orders",
    ]


def test_a_bus_that_is_down_is_mentioned_once_until_it_is_up(
    layer: Recorder, caplog: pytest.LogCaptureFixture
):
    def publish_twice() -> None:
        for _ in range(2):
            publish.alert({"title": "lost"})
        assert publisher.flush(timeout=10)

    layer.error = OSError("connection refused")
    publish_twice()
    assert caplog.text.count("connection refused") == 1
    layer.error = None
    publish_twice()
    assert len(layer.sent) == 2
    layer.error = OSError("connection refused")
    publish_twice()
    assert caplog.text.count("connection refused") == 2


def test_what_does_not_fit_into_the_queue_is_dropped_with_one_warning(
    layer: Recorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(publisher, "MAX_WAITING", 2)
    layer.hold_up()
    for number in range(5):
        publish.alert({"title": str(number)})
    assert caplog.text.count("more are lost") == 1
    layer.goes_on.set()
    assert [message["alert"]["title"] for message in layer.messages] == ["first", "0", "1"]


def test_news_that_waited_too_long_is_not_sent(layer: Recorder, monkeypatch: pytest.MonkeyPatch):
    layer.hold_up()
    monkeypatch.setattr(publisher, "SECONDS_TO_EXPIRE", -1)
    publish.alert({"title": "old"})
    layer.goes_on.set()
    assert [message["alert"]["title"] for message in layer.messages] == ["first"]


def run_script(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own, with the embedded channel layer in this folder."""
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "be.settings",
        "VAR_DIR": str(folder),
        "REDIS_URL": "",
        "REDIS_HOST": "",
    }
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, env=env, check=False, capture_output=True, text=True, timeout=120
    )


def test_a_forked_child_publishes_on_its_own(tmp_path: Path):
    """In a process that has no other threads, whose locks a child would inherit for ever."""
    script = """
import json, os, django
django.setup()
from channels.layers import channel_layers
from exchange.streaming import publish, publisher

class Layer:
    sent = []

    async def group_send(self, group, message):
        self.sent.append(message["alert"]["title"])

channel_layers.backends["default"] = Layer()
publish.alert({"title": "of the parent"})
assert publisher.flush(timeout=30)
child = os.fork()
if child == 0:
    Layer.sent.clear()
    publish.alert({"title": "of the child"})
    assert publisher.flush(timeout=30)
    print(json.dumps(Layer.sent), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps(Layer.sent), flush=True)
"""
    done = run_script(script, tmp_path)

    assert done.stderr == ""
    child, parent = done.stdout.splitlines()
    assert json.loads(child) == ["of the child"]
    assert json.loads(parent) == ["of the parent"]


def test_what_was_published_last_is_sent_before_the_process_ends(tmp_path: Path):
    script = (
        "import django; django.setup();"
        "from exchange.streaming import publish;"
        "[publish.alert({'title': str(n)}) for n in range(50)]"
    )
    done = run_script(script, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    with closing(sqlite3.connect(tmp_path / "channels.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (50,)
