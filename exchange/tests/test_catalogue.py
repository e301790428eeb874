"""The catalogue has the promised instruments, with terms that the exchange can trade."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from exchange.market.rules import bonds, calendar
from exchange.simulator.model import specs
from exchange.simulator.model.catalogue import CATALOGUE, UNLISTED_GROUPS

every_instrument = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.symbol)
every_bond = pytest.mark.parametrize(
    "spec", [spec for spec in CATALOGUE if spec.bond], ids=lambda spec: spec.symbol
)
every_fund = pytest.mark.parametrize(
    "spec", [spec for spec in CATALOGUE if spec.basket], ids=lambda spec: spec.symbol
)


def test_the_catalogue_lists_the_promised_instruments():
    symbols = [spec.symbol for spec in CATALOGUE]

    assert set(symbols) >= {
        *("AAPL", "GOOGL", "MSFT", "TSLA", "AMZN", "META", "NFLX"),
        *("SPY", "QQQ", "VTI", "VOO", "IWM"),
        *("BTC-USD", "ETH-USD", "ADA-USD", "DOT-USD", "SOL-USD"),
        *("UST-BILL", "UST-2Y", "UST-5Y", "UST-10Y", "UST-30Y"),
    }
    assert len(symbols) == len(set(symbols))
    assert Counter(spec.asset_class for spec in CATALOGUE) == {
        "stock": 7,
        "etf": 5,
        "crypto": 5,
        "bond": 9,
    }


@every_instrument
def test_symbols_are_short_and_readable(spec):
    assert re.fullmatch(r"[A-Z0-9][A-Z0-9.-]{0,19}", spec.symbol)


@every_instrument
def test_start_prices_quantities_and_sizes_are_on_their_grids(spec):
    assert spec.start_price > 0
    assert spec.start_price % spec.price_increment == 0
    assert spec.min_quantity >= spec.quantity_increment > 0
    assert spec.min_quantity % spec.quantity_increment == 0
    assert spec.display_size % spec.quantity_increment == 0
    assert spec.daily_volume > 0
    assert spec.annual_volatility > 0


@every_instrument
def test_the_ledgers_smallest_unit_holds_every_quantity(spec):
    assert spec.scale == specs.LEDGER_SCALE[spec.asset_class]
    assert spec.quantity_increment % Decimal(10) ** -spec.scale == 0


@pytest.mark.parametrize(
    "name",
    [spec for spec in CATALOGUE if not spec.bond and not spec.basket] + list(UNLISTED_GROUPS),
    ids=lambda name: getattr(name, "symbol", None) or name.name,
)
def test_market_and_sector_leave_some_of_a_names_variance_to_itself(name):
    own = specs.own_loading(name)

    assert own > 0.1
    assert name.market_loading**2 + name.sector_loading**2 + own**2 == pytest.approx(1)


@every_fund
def test_baskets_are_whole_and_hold_only_known_names(spec):
    known = {spec.symbol for spec in CATALOGUE} | {group.name for group in UNLISTED_GROUPS}

    assert sum(weight for _, weight in spec.basket) == pytest.approx(1)
    assert {name for name, _ in spec.basket} <= known
    assert spec.asset_class == "etf"


@every_bond
def test_bonds_mature_well_after_they_are_listed_and_trade_in_whole_denominations(spec):
    assert spec.asset_class == "bond"
    assert spec.bond.maturity_date >= date(2027, 8, 1)
    assert spec.quantity_increment == spec.min_quantity == spec.bond.face_value


@every_bond
def test_a_bonds_start_price_is_fair_on_the_usual_curve(spec):
    settlement = calendar.settlement_date(datetime(2026, 11, 20, 15, tzinfo=UTC))

    rate = bonds.yield_from_price(spec.bond, settlement=settlement, clean_price=spec.start_price)

    spread = spec.bond.credit_spread_bps / 10_000
    assert 0.034 < rate - spread < 0.049


def test_corporate_bonds_run_from_safe_to_risky():
    corporates = [spec.bond for spec in CATALOGUE if spec.bond and spec.sector == "corporate"]
    spreads = [bond.credit_spread_bps for bond in corporates]

    assert spreads == sorted(spreads)
    assert len(set(spreads)) == 4
