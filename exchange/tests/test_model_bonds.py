"""Bonds of the simulated market: priced on the yield curve, until they mature."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from exchange.market.rules import bonds, calendar
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.tests.market_models import SECOND, SPECS, START, columns, log_returns, market


def nelson_siegel(years):
    """The usual curve: level 5.15 %, slope -1.5 %, curvature -1.95 %, decay 0.25 a year."""
    x = 0.25 * years
    slope = (1 - math.exp(-x)) / x
    return 0.0515 - 0.0150 * slope - 0.0195 * (slope - math.exp(-x))


@pytest.mark.parametrize(
    "at", [START, START + timedelta(days=100), datetime(2028, 5, 2, 12, tzinfo=UTC)]
)
def test_bonds_start_at_the_price_of_their_yield_on_the_usual_curve(at):
    model = MarketModel(seed=1, at=at)
    settlement = calendar.settlement_date(at)

    path = model.path(at, timedelta(microseconds=1), 1)

    for spec in CATALOGUE:
        if spec.bond is not None and spec.bond.maturity_date > settlement:
            price = columns(path, [spec.symbol])[0, 0]
            found = bonds.yield_from_price(spec.bond, settlement=settlement, clean_price=price)
            years = (spec.bond.maturity_date - settlement).days / 365.25
            expected = nelson_siegel(years) + spec.bond.credit_spread_bps / 10_000
            assert found == pytest.approx(expected, abs=1e-6), spec.symbol


def test_a_bond_that_has_matured_stays_at_par_and_no_longer_trades():
    model = MarketModel(seed=1, at=datetime(2027, 8, 10, 12, tzinfo=UTC))
    bill = list(SPECS).index("UST-BILL")

    path = model.path(model.at, timedelta(hours=12), 8)

    settled = [calendar.settlement_date(at) >= date(2027, 8, 12) for at in path.times]
    assert settled == sorted(settled)
    assert {True, False} == set(settled)
    for row, matured in enumerate(settled):
        assert (path.prices[row, bill] == 100) == matured
        assert (path.volumes[row, bill] == 0) == matured
    assert model.step(model.at + SECOND).ticks[bill].volume == 0


def test_longer_bonds_move_more_and_risky_spreads_widen_when_stocks_fall():
    path = market(seed=9).path(START, timedelta(days=1), 300)
    returns = log_returns(columns(path, ["UST-BILL", "UST-2Y", "UST-5Y", "UST-10Y", "UST-30Y"]))
    spread = log_returns(columns(path, ["CCL-2033"]))[:, 0]
    # What is left of the corporate bond's move after that of Treasuries of like duration.
    design = np.column_stack([returns[:, 2], returns[:, 3]])
    rest = spread - design @ np.linalg.lstsq(design, spread, rcond=None)[0]

    assert (np.diff(returns.std(axis=0)) > 0).all()
    assert np.corrcoef(rest, log_returns(columns(path, ["SPY"]))[:, 0])[0, 1] > 0.2
