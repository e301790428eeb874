"""What the model has to know of an instrument: its price grid, its volatility, its volume.

Returns follow a factor model. A name's return is its volatility times

    market_loading x market factor + sector_loading x sector factor + own_loading x own factor

Loadings are correlations, and their squares add up to one. The functions `equity`, `coin`,
`treasury` and `corporate` fill in what is the same for all instruments of a kind: price and
quantity increments, the ledger's scale, and the bond conventions.
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
"""Decimals of the ledger's smallest unit. A bond's is a cent of face value."""


@dataclass(frozen=True, kw_only=True)
class BondSpec(bonds.BondTerms):
    """A bond's terms and its usual spread over the Treasury curve, in basis points."""

    credit_spread_bps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """One instrument, as the exchange lists it and as the model moves it.

    Prices are in dollars; a bond's are clean and per 100 of face value. A bond's `start_price` is
    what the model's usual yield curve gives on 20 November 2026. Quantities are shares, coins or
    dollars of face value. `annual_volatility` is a fraction. For ETFs and bonds it is indicative
    only, since their prices follow from the basket and the yield curve. `daily_volume` is what
    trades in 24 hours, `display_size` the usual size at the best price, `spread_bps` the usual
    bid-ask spread in basis points of the price. `scale` is the number of decimals in the ledger.
    `basket` is an ETF's composition as (name, weight at the start prices), of symbols in the
    catalogue and of unlisted groups. An ETF without a basket moves as a stock does.
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
class UnlistedGroup:
    """A group of companies that ETFs hold, not listed itself; its price starts at 100."""

    name: str
    sector: str
    annual_volatility: float
    market_loading: float
    sector_loading: float


def own_loading(name: InstrumentSpec | UnlistedGroup) -> float:
    """The loading on the name's own factor: the rest of its variance after market and sector."""
    return math.sqrt(1 - name.market_loading**2 - name.sector_loading**2)


def equity(
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
    """A stock, or an ETF if it has a `basket`."""
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


def coin(
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
    """A cryptocurrency, quoted in dollars."""
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


def treasury(
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
    """A Treasury; with a coupon of 0 it is a bill."""
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


def corporate(
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
    """A corporate bond, in denominations of $1,000."""
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
