"""The worked examples of docs/portfolio.md: each figure of its table is computed anew."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from exchange.corporate import processing
from exchange.tests.corporate.actions import announce_dividend
from exchange.tests.market import make_instrument
from portfolio.api.contribution_serializers import EarnedSerializer, ExposureSerializer
from portfolio.api.fields import fixed
from portfolio.api.serializers import PerformanceSerializer
from portfolio.rules import returns, risk
from portfolio.rules.returns import YEAR
from portfolio.tests.accounts import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    buy,
    deposit,
    open_account,
    reprice,
    shown,
)

OWN, BENCHMARK = [0.02, -0.02, 0.03, -0.01], [0.01, -0.01, 0.02, 0.0]
RISK_FREE = 0.0365
DAY = timedelta(days=1)
MIDNIGHTS = [datetime(2026, 6, 1, tzinfo=UTC) + number * DAY for number in range(5)]
NO_FIGURES = {"period", "benchmark", "start", "end", "start_equity", "end_equity", "net_deposits"}
NO_FIGURES |= {"conventions", "reasons", "series", "time", "by_asset_class"}


def section():
    text = Path(settings.BASE_DIR, "docs", "portfolio.md").read_text()
    return text.partition("## One example for each figure")[2].partition("\n## ")[0]


def table():
    """The result of each figure, as it is written."""
    return dict(re.findall(r"^\| `(\w+)` \|.*\| ([-\d.]+) \|$", section(), re.MULTILINE))


def worth():
    """What the account and the benchmark are worth at each midnight, as written."""
    rows = re.findall(r"^\| \w+day \| ([\d,.]+) \|[^|]*\| ([\d.]+) \|", section(), re.MULTILINE)
    return [
        [Decimal(value.replace(",", "")) for value in column] for column in zip(*rows, strict=True)
    ]


def test_the_values_of_the_account_and_the_benchmark_have_these_returns():
    for values, moves, first in zip(worth(), (OWN, BENCHMARK), (10_000, 500), strict=True):
        exact = [float(first)]
        for move in moves:
            exact.append(exact[-1] * (1 + move))
        assert [f"{value:.2f}" for value in values] == [f"{value:.2f}" for value in exact]


def test_there_is_an_example_of_each_figure_of_the_api():
    serializers: Any = (PerformanceSerializer(), EarnedSerializer(), ExposureSerializer())
    names = {name for each in serializers for name in each.fields}

    assert names - NO_FIGURES == set(table())


def test_figures_of_returns_are_as_they_are_written():
    found = table()
    days = {"periods_per_year": 365}
    own, _ = worth()
    cents = [int(100 * value) for value in own]
    index = [1 + total for total in returns.twr_of_cents(cents, [0] * 5) if total is not None]
    fall = risk.max_drawdown(MIDNIGHTS, index)
    assert fall is not None
    assert [fall.start, fall.trough, fall.recovered] == MIDNIGHTS[1:4]
    annual = returns.annualized(0.21, start=MIDNIGHTS[0], end=MIDNIGHTS[0] + 2 * YEAR)
    assert annual is not None
    twenty = risk.Drawdown(20, MIDNIGHTS[1], MIDNIGHTS[2], None)
    figures: dict[str, Any] = {
        "time_weighted_return": index[-1] - 1,
        "benchmark_return": (1.01 * 0.99 * 1.02) - 1,
        "money_weighted_return": xirr(),
        "annualized_return": annual,
        "calmar_ratio": risk.calmar_ratio(annual, twenty),
        "volatility": risk.volatility(OWN, **days),
        "sharpe_ratio": risk.sharpe_ratio(OWN, **days, risk_free=RISK_FREE),
        "sortino_ratio": risk.sortino_ratio(OWN, **days, risk_free=RISK_FREE),
        "win_rate": risk.win_rate(OWN),
        "best_day": max(OWN),
        "worst_day": min(OWN),
        "beta": risk.beta(OWN, BENCHMARK),
        "alpha": risk.alpha(OWN, BENCHMARK, **days, risk_free=RISK_FREE),
        "correlation": risk.correlation(OWN, BENCHMARK),
        "tracking_error": risk.tracking_error(OWN, BENCHMARK, **days),
        "information_ratio": risk.information_ratio(OWN, BENCHMARK, **days),
    }

    assert {name: fixed(figure, 6) for name, figure in figures.items()} == {
        name: found[name] for name in figures
    }
    assert found["max_drawdown"] == f"{fall.percent:.4f}"
    assert found["gain"] == str(own[-1] - own[0])


def xirr():
    """The money-weighted return of the example in Microsoft's "XIRR function", of its period."""
    flows = [("2008-03-01", -2750), ("2008-10-30", -4250), ("2009-02-15", -3250)]
    return returns.money_weighted_period_return(
        [(datetime.fromisoformat(f"{at}T00:00Z"), Decimal(amount)) for at, amount in flows],
        start=datetime(2008, 1, 1, tzinfo=UTC),
        start_equity=Decimal(10_000),
        end=datetime(2009, 4, 1, tzinfo=UTC),
        end_equity=Decimal(2750),
    )


@pytest.mark.django_db
def test_figures_of_contribution_are_as_they_are_written(aapl):
    found = table()
    msft = make_instrument("MSFT")
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    buy(alice, aapl, "50", "100.00", at=MONDAY)
    reprice(aapl, "110.00", at=MONDAY + timedelta(hours=11))
    deposit(alice, "10500", at=TUESDAY)
    buy(alice, msft, "20", "200.00", at=TUESDAY)
    reprice(msft, "221.00", at=WEDNESDAY)
    document = shown(alice, "contribution", now=WEDNESDAY)
    rows = {row["symbol"]: row for row in document["by_instrument"]}

    assert rows["MSFT"]["contribution"] == found["contribution"]
    assert document["exposure"][-1]["invested"] == found["invested"]


@pytest.mark.django_db
def test_figures_of_income_and_fees_are_as_they_are_written(aapl):
    found = table()
    coin = make_instrument("BTC-USD", "crypto")
    bob = open_account("bob@example.com", deposits="10000", at=MONDAY)
    buy(bob, coin, "0.1", "50000.00", at=MONDAY)
    buy(bob, aapl, "10", "100.00", at=MONDAY)
    announce_dividend(aapl, "1.30", ex_date=TUESDAY.date(), at=TUESDAY)
    processing.run(now=TUESDAY)
    reprice(aapl, "98.00", at=WEDNESDAY)
    rows = {
        row["symbol"]: row for row in shown(bob, "contribution", now=WEDNESDAY)["by_instrument"]
    }

    assert rows["AAPL"]["income"] == found["income"]
    assert rows["BTC-USD"]["fees"] == found["fees"]
    assert (rows["AAPL"]["market_gain"], rows["AAPL"]["gain"]) == (found["market_gain"], "-7.00")
