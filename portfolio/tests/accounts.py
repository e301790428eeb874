"""Customers' accounts for tests: money that comes and goes, trades at given prices, past prices."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import time_machine

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from banking import holds, ledger
from banking.models import Bucket, EntryKind, HouseAccount
from banking.rules.assets import USD
from exchange.corporate import processing
from exchange.market import candles
from exchange.models import (
    ActionKind,
    Candle,
    Instrument,
    Interval,
    Order,
    Quote,
)
from exchange.tests.corporate.actions import announce
from exchange.tests.market import NOW, advance, make_customer, place, set_quote, tick
from portfolio import daily
from portfolio.imports import booking
from portfolio.imports.booking import Imported, ImportRequest

CENT = Decimal("0.01")
START = NOW - timedelta(days=3)
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + timedelta(days=days) for days in (1, 2, 3))


def open_account(email: str, *, deposits: str, at: datetime) -> User:
    """A customer whose first money came from a bank at that time."""
    user = make_customer(email, dollars="0")
    deposit(user, deposits, at=at)
    return user


def deposit(user: User, dollars: str, *, at: datetime) -> None:
    """Money from a bank; below zero, a deposit that the bank has taken back."""
    wallet, clearing = _cash_accounts(user)
    cents = USD.units(Decimal(dollars))
    ledger.post(
        kind=EntryKind.DEPOSIT if cents > 0 else EntryKind.DEPOSIT_RETURN,
        reference=uuid4(),
        lines=[ledger.Line(wallet, cents), ledger.Line(clearing, -cents)],
        at=at,
    )


def withdraw(user: User, dollars: str, *, at: datetime, settled: bool = True) -> None:
    """Money to a bank: held first, and gone from `held` when it is settled."""
    wallet, clearing = _cash_accounts(user)
    cents = USD.units(Decimal(dollars))
    hold = holds.hold(account=wallet, units=cents, reference=uuid4(), at=at)
    if settled:
        holds.settle(hold, remaining=0, final=True, at=at)
        ledger.post(
            kind=EntryKind.WITHDRAWAL,
            reference=hold.reference,
            lines=[ledger.Line(wallet, -cents, Bucket.HELD), ledger.Line(clearing, cents)],
            at=at,
        )


def _cash_accounts(user: User) -> tuple[Any, Any]:
    return (
        ledger.account_of(user.pk, USD),
        ledger.house_account(HouseAccount.BANK_CLEARING, USD),
    )


def reprice(instrument: Instrument, price: str, *, at: datetime) -> None:
    """A round in which the instrument last traded at its bid, this price; the ask is a cent above.

    It leaves a candle of each interval behind, as any round does.
    """
    if not Quote.objects.filter(pk=instrument.pk).exists():
        set_quote(instrument, price, str(Decimal(price) + CENT), at=at)
    advance(tick(instrument.symbol, price, str(Decimal(price) + CENT)), at=at)


def buy(user: User, instrument: Instrument, quantity: str, price: str, *, at: datetime) -> Order:
    """Buy at exactly this price."""
    reprice(instrument, str(Decimal(price) - CENT), at=at)
    return place(user, "buy", quantity, symbol=instrument.symbol, now=at)


def sell(user: User, instrument: Instrument, quantity: str, price: str, *, at: datetime) -> Order:
    """Sell at exactly this price."""
    reprice(instrument, price, at=at)
    return place(user, "sell", quantity, symbol=instrument.symbol, now=at)


def bring(user: User, *rows: str, at: datetime) -> Imported:
    """Import into a new account: each row is symbol, quantity, cost and day; or USD, dollars."""
    lines = [f"{row},," if row.startswith("USD") else row for row in rows]
    content = "\n".join(["symbol,quantity,cost,acquired", *lines]).encode()
    return booking.import_file(
        owner=user, request=ImportRequest(content=content), dry_run=False, now=at
    )


def closes(
    instrument: Instrument,
    prices: Iterable[str | Decimal],
    *,
    first: datetime,
    interval: Interval = Interval.ONE_DAY,
) -> None:
    """Candles in a row, the first of which begins at `first`, with these closes."""
    length = candles.LENGTH[interval]
    Candle.objects.bulk_create(
        Candle(
            instrument=instrument,
            interval=interval,
            time=first + index * length,
            open=price,
            high=price,
            low=price,
            close=price,
            volume=0,
        )
        for index, price in enumerate(prices)
    )


def carry_out(instrument: Instrument, kind: ActionKind, *, at: datetime, **terms: Any) -> None:
    """A corporate action that is announced, due and carried out at that time."""
    announce(instrument, kind, at.date(), at=at, **terms)
    assert len(processing.run(now=at)) == 1


def get(user: User, path: str, *, now: datetime = NOW, **params: object) -> Any:
    """What `user` gets from the portfolio API at that time: before sums are stored, and after."""
    with time_machine.travel(now, tick=False):
        client = signed_in_client(user)
        address = f"/api/portfolio/{path}/"
        query = {name: str(value) for name, value in params.items()}
        response = client.get(address, query)
        if response.status_code == 200:
            daily.advance(user.pk)
            assert client.get(address, query).content == response.content
            assert daily.check(user.pk) == []
        return response


def shown(user: User, path: str, *, now: datetime = NOW, **params: object) -> Any:
    """The document of a successful answer."""
    response = get(user, path, now=now, **params)
    assert response.status_code == 200, response.content
    return response.json()


def column(document: Any, name: str) -> list[Any]:
    """One figure of all points of a series."""
    return [point[name] for point in document["series"]]


def midnight(at: datetime) -> datetime:
    """The start of the day of a time that is at a full hour."""
    return at.replace(hour=0)


def text(at: datetime) -> str:
    """A time as the API writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
