"""A small market for tests: instruments, quotes, and customers with something to trade."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from authentication.models import User
from banking import integrity, ledger
from banking.models import EntryKind, HouseAccount
from banking.rules.assets import USD, Asset
from exchange import engine
from exchange.market.rules.ticks import Round, Tick
from exchange.models import AssetClass, Bond, Instrument, Order, OrderType, Quote, Side
from exchange.seeding import listing
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.specs import InstrumentSpec
from exchange.trading import orders
from exchange.trading.intake.requests import OrderRequest
from exchange.trading.settlement import reconciliation

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # a Monday


def make_instrument(
    symbol: str = "AAPL", asset_class: str = "stock", **fields: object
) -> Instrument:
    """An instrument with the rules of its asset class."""
    scale, increment, least = {
        "stock": (6, "0.000001", "0.000001"),
        "etf": (6, "0.000001", "0.000001"),
        "crypto": (8, "0.00000001", "0.00000001"),
        "bond": (2, "1000", "1000"),
    }[asset_class]
    defaults: dict[str, object] = {
        "id": uuid4(),
        "name": symbol,
        "asset_class": asset_class,
        "scale": scale,
        "price_increment": Decimal("0.01"),
        "quantity_increment": Decimal(increment),
        "min_quantity": Decimal(least),
    }
    return Instrument.objects.create(symbol=symbol, **{**defaults, **fields})


def make_bond(symbol: str = "ACME-2033", **terms: object) -> Instrument:
    instrument = make_instrument(symbol, AssetClass.BOND, price_increment=Decimal("0.001"))
    defaults: dict[str, object] = {
        "coupon_rate": Decimal("0.06"),
        "issue_date": datetime(2025, 11, 15, tzinfo=UTC).date(),
        "maturity_date": datetime(2033, 11, 15, tzinfo=UTC).date(),
        "frequency": 2,
        "day_count": "30/360",
        "face_value": Decimal(1000),
    }
    Bond.objects.create(instrument=instrument, **{**defaults, **terms})
    return instrument


def list_catalogue(
    specs: Sequence[InstrumentSpec] = CATALOGUE,
    *,
    size: str = "1000",
    at: datetime = NOW,
) -> dict[str, Instrument]:
    """The simulator's instruments, with first quotes at their start prices, an increment wide."""
    listing.list_instruments(specs, now=NOW)
    instruments = Instrument.objects.in_bulk([spec.symbol for spec in specs], field_name="symbol")
    for spec in specs:
        bid, ask = spec.start_price, spec.start_price + spec.price_increment
        set_quote(instruments[spec.symbol], f"{bid}", f"{ask}", size=size, at=at)
    return instruments


def set_quote(
    instrument: Instrument,
    bid: str = "190.00",
    ask: str = "190.02",
    *,
    size: str = "1000",
    at: datetime = NOW,
) -> Quote:
    """The first quote of an instrument, put there without a round."""
    price, units = Decimal(bid), instrument.asset.units(Decimal(size))
    return Quote.objects.create(
        instrument=instrument,
        price=price,
        bid=price,
        ask=Decimal(ask),
        bid_size=units,
        ask_size=units,
        previous_close=price,
        open=price,
        high=price,
        low=price,
        volume=0,
        session_date=at.date(),
        timestamp=at,
        sequence=1,
    )


def requote(instrument: Instrument, bid: str, ask: str, at: datetime) -> None:
    """A large quote: the first one of the instrument, or by a round."""
    if Quote.objects.filter(pk=instrument.pk).exists():
        advance(tick(instrument.symbol, bid, ask, size="1000000"), at=at)
    else:
        set_quote(instrument, bid, ask, size="1000000", at=at)


def tick(symbol: str, bid: str, ask: str, *, size: str = "1000", volume: str = "0") -> Tick:
    return Tick(
        symbol,
        Decimal(bid),
        Decimal(bid),
        Decimal(ask),
        Decimal(size),
        Decimal(size),
        Decimal(volume),
    )


def advance(*ticks: Tick, at: datetime = NOW + timedelta(seconds=2)) -> int:
    return engine.advance(Round(at, ticks))


def make_customer(email: str = "alice@example.com", dollars: str = "10000") -> User:
    """A customer with money that came from a bank."""
    user = User.objects.create_user(email, "a long enough pass-phrase")
    if Decimal(dollars):
        give(user, USD, dollars)
    return user


def give(user: User, asset: Asset, amount: str) -> None:
    """Book an opening balance. Securities given this way have no execution behind them."""
    account = ledger.account_of(user.pk, asset)
    role = HouseAccount.BANK_CLEARING if asset == USD else HouseAccount.MARKET
    units = asset.units(Decimal(amount))
    ledger.post(
        kind=EntryKind.DEPOSIT,
        reference=uuid4(),
        lines=[
            ledger.Line(account, units),
            ledger.Line(ledger.house_account(role, asset), -units),
        ],
        at=NOW,
    )


def place(
    user: User,
    side: str = "buy",
    quantity: str | None = "1",
    *,
    symbol: str = "AAPL",
    limit: str | None = None,
    notional: str | None = None,
    now: datetime = NOW,
    **fields: Any,
) -> Order:
    """Place an order the short way: a limit order when `limit` is given, else a market order."""
    return orders.place(
        owner_id=user.pk,
        request=OrderRequest(
            **{
                "symbol": symbol,
                "side": Side(side),
                "order_type": OrderType.MARKET if limit is None else OrderType.LIMIT,
                "quantity": None if quantity is None else Decimal(quantity),
                "notional": None if notional is None else Decimal(notional),
                "limit_price": None if limit is None else Decimal(limit),
                **fields,
            }
        ),
        now=now,
    )


def balance(user: User, asset: Asset = USD) -> tuple[Decimal, Decimal]:
    """(available, held) as decimals."""
    account = ledger.account_of(user.pk, asset)
    account.refresh_from_db()
    return asset.amount(account.available), asset.amount(account.held)


def assert_books_are_right() -> None:
    """The ledger adds up, and agrees with orders and executions."""
    assert [*integrity.check(), *reconciliation.check()] == []
