"""What is committed stays committed, whatever becomes of the message about it."""

from datetime import timedelta

import pytest
from channels.layers import channel_layers

from authentication.models import User
from be.api.refusals import Refusal
from exchange.models import Instrument, InstrumentStatus, Order, Quote
from exchange.tests import market
from exchange.trading import halts


class Recorder:
    """A channel layer that keeps what it is given, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.messages: list[dict[str, object]] = []

    async def group_send(self, group: str, message: dict[str, object]) -> None:
        if self.error:
            raise self.error
        self.messages.append(message)


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setitem(channel_layers.backends, "default", recorder)
    return recorder


def updates(layer: Recorder) -> list[tuple[int, str]]:
    return [
        (update["sequence"], update["event"])
        for message in layer.messages
        if message["type"] == "stream.orders"
        for update in message["updates"]  # type: ignore[attr-defined]
    ]


def test_a_lost_bus_does_not_turn_a_committed_order_into_an_error(
    layer: Recorder, alice: User, aapl: Instrument, django_capture_on_commit_callbacks
):
    layer.error = OSError("connection refused")
    with django_capture_on_commit_callbacks(execute=True):
        market.place(alice)
        market.advance(market.tick("AAPL", "191.00", "191.02"))
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


def test_a_halt_and_its_end_are_announced_once(
    layer: Recorder, aapl: Instrument, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        for status in (InstrumentStatus.HALTED, InstrumentStatus.HALTED, InstrumentStatus.ACTIVE):
            halts.set_status(symbol="AAPL", status=status, now=market.NOW)
    alerts = [message["alert"] for message in layer.messages]
    assert [alert["title"] for alert in alerts] == [  # type: ignore[index]
        "AAPL halted",
        "AAPL trades again",
    ]
