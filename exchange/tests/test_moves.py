from decimal import Decimal

import pytest

from exchange.market import moves
from exchange.models import Quote
from exchange.streaming import publish
from exchange.tests import market


@pytest.mark.parametrize(
    ("before", "extreme", "percent", "severity"),
    [
        ("100", "104.99", None, None),
        ("104.99", "105", 5, "low"),
        ("105", "109.99", None, None),
        ("109.99", "110.01", 10, "medium"),
        ("100", "115", 15, "high"),
        ("100", "250", 150, "critical"),
        ("100", "95", -5, "low"),
        ("95", "95.50", None, None),
        ("95", "79", -20, "critical"),
    ],
)
def test_a_step_that_the_extreme_passes_is_a_move(before, extreme, percent, severity):
    move = moves.passed(
        "AAPL", close=Decimal(100), before=Decimal(before), extreme=Decimal(extreme)
    )
    assert (move and move.percent) == percent
    assert (move and move.severity) == severity


def test_a_close_of_nothing_is_no_measure():
    nothing = Decimal(0)
    assert moves.passed("AAPL", close=nothing, before=nothing, extreme=Decimal(1)) is None


def test_each_step_of_a_day_is_told_once_and_after_the_round_that_made_it(
    aapl, monkeypatch, django_capture_on_commit_callbacks
):
    told: list[publish.Document] = []
    monkeypatch.setattr(publish, "alert", told.append)
    monkeypatch.setattr(publish, "quotes", lambda **round_: told.append(round_))
    close = Quote.objects.get().previous_close
    for percent in (106, 103, 107, 111, 94):
        bid = (close * percent / 100).quantize(Decimal("0.01"))
        with django_capture_on_commit_callbacks(execute=True):
            market.advance(market.tick("AAPL", str(bid), str(bid + Decimal("0.02"))))
    titles = [each.get("title", "round") for each in told]
    assert titles == [
        *("round", "AAPL up 5 %"),
        *("round", "round"),
        *("round", "AAPL up 10 %"),
        *("round", "AAPL down 5 %"),
    ]
    assert told[1]["severity"] == "low"
    assert told[1]["timestamp"].endswith("Z")
