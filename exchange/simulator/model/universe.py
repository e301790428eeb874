"""The instruments of the simulated market: what trades, on which grid, how lively.

Names, price levels, volatilities and volumes are those of late 2025 and 2026, rounded; nothing
here is a quotation. The Treasuries follow the Treasury's pattern of issue dates and the
corporate bonds carry the names of well-known issuers, but coupons and maturities of both are
invented.

Loadings are correlations: a name's return is its volatility times (market_loading x market
factor + sector_loading x sector factor + the rest x a source of its own), with squares that sum
to one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from exchange.market.rules import bonds

AssetClass = Literal["stock", "etf", "crypto", "bond"]

LEDGER_SCALE: Mapping[AssetClass, int] = {"stock": 6, "etf": 6, "crypto": 8, "bond": 2}
"""Decimals of the ledger's smallest unit; a bond's is a cent of face value."""


@dataclass(frozen=True, kw_only=True)
class BondSpec(bonds.BondTerms):
    """A bond's terms and its usual spread over the Treasury curve, in basis points."""

    credit_spread_bps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """One instrument, as the exchange lists it and as the model moves it.

    Prices are in dollars, a bond's clean and per 100 of face value; a bond's `start_price` is
    what the model's usual yield curve gives on 20 November 2026. Quantities are shares, coins
    or dollars of face value. `annual_volatility` is a fraction a year, of an ETF and a bond only
    indicative: their prices follow from the basket and from the yield curve. `daily_volume` is
    what trades in 24 hours, `display_size` what is usually shown at the best price, `spread_bps`
    the usual bid-ask spread in basis points of the price. `scale` counts the ledger's decimals.
    `basket` is an ETF's composition as (name, weight at the start prices), of catalogue symbols
    and hidden names; an ETF without one moves as a stock would.
    """

    symbol: str
    name: str
    asset_class: AssetClass
    price_increment: Decimal
    quantity_increment: Decimal
    min_quantity: Decimal
    scale: int
    start_price: Decimal
    annual_volatility: float
    daily_volume: float
    spread_bps: float
    sector: str
    display_size: Decimal
    bond: BondSpec | None = None
    market_loading: float = 0.6
    sector_loading: float = 0.35
    basket: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class HiddenName:
    """A group of companies that no one can trade here, but that ETFs hold; priced from 100."""

    name: str
    sector: str
    annual_volatility: float
    market_loading: float
    sector_loading: float


def own_loading(name: InstrumentSpec | HiddenName) -> float:
    """The loading on the name's own source: what market and sector leave of its variance."""
    return math.sqrt(1 - name.market_loading**2 - name.sector_loading**2)


HIDDEN_START_PRICE = 100.0

HIDDEN_NAMES: tuple[HiddenName, ...] = (
    HiddenName("semiconductors", "technology", 0.33, 0.45, 0.76),
    HiddenName("software", "technology", 0.24, 0.50, 0.72),
    HiddenName("retail", "consumer", 0.18, 0.72, 0.40),
    HiddenName("staples", "defensive", 0.13, 0.32, 0.70),
    HiddenName("healthcare", "defensive", 0.15, 0.42, 0.62),
    HiddenName("financials", "cyclical", 0.20, 0.68, 0.64),
    HiddenName("industrials", "cyclical", 0.18, 0.72, 0.60),
    HiddenName("resources", "cyclical", 0.20, 0.48, 0.62),
    HiddenName("midcaps", "small-caps", 0.19, 0.82, 0.44),
    HiddenName("small-value", "cyclical", 0.23, 0.73, 0.55),
    HiddenName("small-growth", "small-caps", 0.27, 0.75, 0.53),
)

_LARGE_CAPS = (
    ("AAPL", 0.068),
    ("MSFT", 0.062),
    ("GOOGL", 0.056),
    ("AMZN", 0.039),
    ("META", 0.025),
    ("TSLA", 0.021),
    ("NFLX", 0.008),
    ("semiconductors", 0.135),
    ("software", 0.075),
    ("retail", 0.055),
    ("staples", 0.052),
    ("healthcare", 0.098),
    ("financials", 0.133),
    ("industrials", 0.086),
    ("resources", 0.087),
)
_NASDAQ_100 = (
    ("AAPL", 0.088),
    ("MSFT", 0.080),
    ("GOOGL", 0.070),
    ("AMZN", 0.052),
    ("META", 0.032),
    ("TSLA", 0.034),
    ("NFLX", 0.022),
    ("semiconductors", 0.300),
    ("software", 0.152),
    ("retail", 0.070),
    ("staples", 0.040),
    ("healthcare", 0.040),
    ("industrials", 0.020),
)
_LARGE_CAP_SHARE = 0.87
_TOTAL_MARKET = (
    *((name, weight * _LARGE_CAP_SHARE) for name, weight in _LARGE_CAPS),
    ("midcaps", 0.085),
    ("small-value", 0.025),
    ("small-growth", 0.020),
)
_SMALL_CAPS = (
    ("small-growth", 0.47),
    ("small-value", 0.41),
    ("midcaps", 0.12),
)


def _equity(
    symbol: str,
    name: str,
    *,
    price: str,
    volatility: float,
    volume: float,
    spread: float,
    sector: str,
    size: int,
    loadings: tuple[float, float] = (0.6, 0.35),
    basket: tuple[tuple[str, float], ...] = (),
) -> InstrumentSpec:
    asset_class: AssetClass = "etf" if basket else "stock"
    return InstrumentSpec(
        symbol=symbol,
        name=name,
        asset_class=asset_class,
        price_increment=Decimal("0.01"),
        quantity_increment=Decimal("0.000001"),
        min_quantity=Decimal("0.000001"),
        scale=LEDGER_SCALE[asset_class],
        start_price=Decimal(price),
        annual_volatility=volatility,
        daily_volume=volume,
        spread_bps=spread,
        sector=sector,
        display_size=Decimal(size),
        market_loading=loadings[0],
        sector_loading=loadings[1],
        basket=basket,
    )


def _coin(
    symbol: str,
    name: str,
    *,
    price: str,
    increment: str,
    minimum: str,
    volatility: float,
    volume: float,
    spread: float,
    size: str,
    loadings: tuple[float, float] = (0.30, 0.74),
) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        name=name,
        asset_class="crypto",
        price_increment=Decimal(increment),
        quantity_increment=Decimal("0.00000001"),
        min_quantity=Decimal(minimum),
        scale=LEDGER_SCALE["crypto"],
        start_price=Decimal(price),
        annual_volatility=volatility,
        daily_volume=volume,
        spread_bps=spread,
        sector="coins",
        display_size=Decimal(size),
        market_loading=loadings[0],
        sector_loading=loadings[1],
    )


def _treasury(
    symbol: str,
    name: str,
    *,
    coupon: str,
    issued: date,
    matures: date,
    price: str,
    volatility: float,
    volume: float,
    spread: float,
) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        name=name,
        asset_class="bond",
        price_increment=Decimal("0.00390625"),  # an eighth of a 32nd
        quantity_increment=Decimal(100),
        min_quantity=Decimal(100),
        scale=LEDGER_SCALE["bond"],
        start_price=Decimal(price),
        annual_volatility=volatility,
        daily_volume=volume,
        spread_bps=spread,
        sector="government",
        display_size=Decimal(2_000_000),
        bond=BondSpec(
            coupon_rate=Decimal(coupon),
            issue_date=issued,
            maturity_date=matures,
            frequency=2 if Decimal(coupon) else 0,
            day_count="ActAct",
            face_value=Decimal(100),
        ),
    )


def _corporate(
    symbol: str,
    name: str,
    *,
    coupon: str,
    issued: date,
    matures: date,
    price: str,
    volatility: float,
    credit_spread: float,
    spread: float,
) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        name=name,
        asset_class="bond",
        price_increment=Decimal("0.001"),
        quantity_increment=Decimal(1000),
        min_quantity=Decimal(1000),
        scale=LEDGER_SCALE["bond"],
        start_price=Decimal(price),
        annual_volatility=volatility,
        daily_volume=15_000_000,
        spread_bps=spread,
        sector="corporate",
        display_size=Decimal(250_000),
        bond=BondSpec(
            coupon_rate=Decimal(coupon),
            issue_date=issued,
            maturity_date=matures,
            frequency=2,
            day_count="30/360",
            face_value=Decimal(1000),
            credit_spread_bps=credit_spread,
        ),
    )


_STOCKS = (
    _equity(
        "AAPL",
        "Apple Inc.",
        price="272.40",
        volatility=0.27,
        volume=48e6,
        spread=0.4,
        sector="technology",
        size=240,
        loadings=(0.60, 0.46),
    ),
    _equity(
        "GOOGL",
        "Alphabet Inc. Class A",
        price="298.60",
        volatility=0.30,
        volume=36e6,
        spread=0.5,
        sector="communication",
        size=180,
        loadings=(0.58, 0.46),
    ),
    _equity(
        "MSFT",
        "Microsoft Corporation",
        price="478.20",
        volatility=0.24,
        volume=22e6,
        spread=0.4,
        sector="technology",
        size=120,
        loadings=(0.62, 0.54),
    ),
    _equity(
        "TSLA",
        "Tesla, Inc.",
        price="412.50",
        volatility=0.56,
        volume=85e6,
        spread=0.6,
        sector="consumer",
        size=150,
        loadings=(0.50, 0.36),
    ),
    _equity(
        "AMZN",
        "Amazon.com, Inc.",
        price="228.90",
        volatility=0.31,
        volume=42e6,
        spread=0.5,
        sector="consumer",
        size=260,
        loadings=(0.62, 0.44),
    ),
    _equity(
        "META",
        "Meta Platforms, Inc.",
        price="612.30",
        volatility=0.34,
        volume=14e6,
        spread=0.7,
        sector="communication",
        size=80,
        loadings=(0.56, 0.48),
    ),
    _equity(
        "NFLX",
        "Netflix, Inc.",
        price="107.80",
        volatility=0.33,
        volume=38e6,
        spread=0.9,
        sector="communication",
        size=220,
        loadings=(0.48, 0.38),
    ),
)

_ETFS = (
    _equity(
        "SPY",
        "SPDR S&P 500 ETF Trust",
        price="672.10",
        volatility=0.16,
        volume=75e6,
        spread=0.15,
        sector="large-caps",
        size=900,
        basket=_LARGE_CAPS,
    ),
    _equity(
        "QQQ",
        "Invesco QQQ Trust",
        price="608.40",
        volatility=0.20,
        volume=52e6,
        spread=0.2,
        sector="large-caps",
        size=600,
        basket=_NASDAQ_100,
    ),
    _equity(
        "VTI",
        "Vanguard Total Stock Market ETF",
        price="329.70",
        volatility=0.16,
        volume=4e6,
        spread=0.4,
        sector="large-caps",
        size=400,
        basket=_TOTAL_MARKET,
    ),
    _equity(
        "VOO",
        "Vanguard S&P 500 ETF",
        price="617.90",
        volatility=0.16,
        volume=8e6,
        spread=0.3,
        sector="large-caps",
        size=300,
        basket=_LARGE_CAPS,
    ),
    _equity(
        "IWM",
        "iShares Russell 2000 ETF",
        price="241.60",
        volatility=0.21,
        volume=34e6,
        spread=0.4,
        sector="small-caps",
        size=700,
        basket=_SMALL_CAPS,
    ),
)

_COINS = (
    _coin(
        "BTC-USD",
        "Bitcoin",
        price="91250.00",
        increment="0.01",
        minimum="0.000001",
        volatility=0.52,
        volume=18_000,
        spread=0.3,
        size="0.6",
        loadings=(0.36, 0.80),
    ),
    _coin(
        "ETH-USD",
        "Ethereum",
        price="3040.00",
        increment="0.01",
        minimum="0.00001",
        volatility=0.70,
        volume=320_000,
        spread=0.5,
        size="9",
        loadings=(0.34, 0.80),
    ),
    _coin(
        "ADA-USD",
        "Cardano",
        price="0.4360",
        increment="0.0001",
        minimum="0.01",
        volatility=0.90,
        volume=190e6,
        spread=2.5,
        size="18000",
    ),
    _coin(
        "DOT-USD",
        "Polkadot",
        price="2.310",
        increment="0.001",
        minimum="0.001",
        volatility=0.92,
        volume=9e6,
        spread=4.5,
        size="2200",
    ),
    _coin(
        "SOL-USD",
        "Solana",
        price="136.50",
        increment="0.01",
        minimum="0.0001",
        volatility=0.85,
        volume=7e6,
        spread=0.9,
        size="110",
    ),
)

_TREASURIES = (
    _treasury(
        "UST-BILL",
        "US Treasury Bill due Aug 12, 2027",
        coupon="0",
        issued=date(2026, 8, 13),
        matures=date(2027, 8, 12),
        price="97.453125",
        volatility=0.005,
        volume=400e6,
        spread=0.4,
    ),
    _treasury(
        "UST-2Y",
        "US Treasury Note 3.500% due Oct 31, 2028",
        coupon="0.035",
        issued=date(2026, 10, 31),
        matures=date(2028, 10, 31),
        price="99.78125",
        volatility=0.017,
        volume=900e6,
        spread=0.4,
    ),
    _treasury(
        "UST-5Y",
        "US Treasury Note 3.750% due Oct 31, 2031",
        coupon="0.0375",
        issued=date(2026, 10, 31),
        matures=date(2031, 10, 31),
        price="100.0625",
        volatility=0.045,
        volume=900e6,
        spread=0.8,
    ),
    _treasury(
        "UST-10Y",
        "US Treasury Note 4.000% due Nov 15, 2036",
        coupon="0.04",
        issued=date(2026, 11, 15),
        matures=date(2036, 11, 15),
        price="99.65625",
        volatility=0.078,
        volume=800e6,
        spread=1.6,
    ),
    _treasury(
        "UST-30Y",
        "US Treasury Bond 4.625% due Nov 15, 2056",
        coupon="0.04625",
        issued=date(2026, 11, 15),
        matures=date(2056, 11, 15),
        price="98.94140625",
        volatility=0.13,
        volume=350e6,
        spread=3.0,
    ),
)

# From AA to BB, told by the credit spread.
_CORPORATES = (
    _corporate(
        "AMZN-2035",
        "Amazon.com, Inc. 4.650% due Dec 1, 2035",
        coupon="0.0465",
        issued=date(2024, 12, 1),
        matures=date(2035, 12, 1),
        price="100.842",
        volatility=0.071,
        credit_spread=55,
        spread=10,
    ),
    _corporate(
        "NFLX-2034",
        "Netflix, Inc. 4.900% due Aug 15, 2034",
        coupon="0.049",
        issued=date(2024, 8, 15),
        matures=date(2034, 8, 15),
        price="101.242",
        volatility=0.064,
        credit_spread=80,
        spread=14,
    ),
    _corporate(
        "T-2034",
        "AT&T Inc. 5.400% due Feb 15, 2034",
        coupon="0.054",
        issued=date(2024, 2, 15),
        matures=date(2034, 2, 15),
        price="101.639",
        volatility=0.062,
        credit_spread=125,
        spread=18,
    ),
    _corporate(
        "CCL-2033",
        "Carnival Corporation 6.125% due Feb 15, 2033",
        coupon="0.06125",
        issued=date(2025, 2, 15),
        matures=date(2033, 2, 15),
        price="99.542",
        volatility=0.066,
        credit_spread=240,
        spread=35,
    ),
)

CATALOGUE: tuple[InstrumentSpec, ...] = (*_STOCKS, *_ETFS, *_COINS, *_TREASURIES, *_CORPORATES)
