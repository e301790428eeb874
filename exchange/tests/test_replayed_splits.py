"""Splits while a replay drives the price: a holding is worth as much after one as before it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from authentication.models import User
from banking import ledger
from exchange.corporate import splits
from exchange.market.rules import calendar
from exchange.models import CorporateAction, Instrument, Quote
from exchange.simulator.model.catalogue import CATALOGUE
from exchange.simulator.model.market_model import MarketModel
from exchange.simulator.run import lease
from exchange.simulator.run.runner import Runner
from exchange.simulator.sources.replay import Recording, Replay
from exchange.simulator.sources.replay.rows import Row
from exchange.simulator.sources.round_source import RoundSource
from exchange.tests import market, scenes
from exchange.tests.corporate.actions import announce_split
from exchange.tests.market import NOW

pytestmark = pytest.mark.django_db

SPECS = tuple(spec for spec in CATALOGUE if spec.symbol in ("AAPL", "MSFT"))
LISTED = {spec.symbol: spec.asset_class for spec in SPECS}
OLD_VOLUME = Decimal(2_000_000)


def shares_of(owner: User, instrument: Instrument) -> Decimal:
    account = ledger.account_of(owner.pk, instrument.asset)
    account.refresh_from_db()
    return instrument.asset.amount(account.available + account.held)


# The command


@dataclass
class Holding:
    """Ten AAPL at the market's price, and a file that begins where its user says."""

    alice: User
    file: Path

    def __post_init__(self) -> None:
        self.instrument = Instrument.objects.get(symbol="AAPL")
        market.give(self.alice, self.instrument.asset, "10")
        self.start = self.price

    @property
    def price(self) -> Decimal:
        return Quote.objects.get(pk=self.instrument.pk).price

    @property
    def value(self) -> Decimal:
        return shares_of(self.alice, self.instrument) * self.price

    def split_today(self, new: int, old: int) -> None:
        now = timezone.now()
        today = (now - timedelta(minutes=2)).astimezone(calendar.NEW_YORK).date()
        announce_split(self.instrument, new, old, ex_date=today, at=now)

    def replay(self, price: Decimal, **options: Any) -> str:
        """Two days on which nothing moves."""
        days = [f"2020-01-0{day},{','.join([str(price)] * 4)},2000000" for day in (2, 3)]
        self.file.write_text("date,open,high,low,close,volume\n" + "\n".join(days))
        out = StringIO()
        call_command(
            "run_exchange_simulator",
            replay=[self.file],
            stop_after_replay=True,
            interval=0.001,
            stdout=out,
            stderr=out,
            **options,
        )
        return out.getvalue()


@pytest.fixture
def holding(alice: User, tmp_path: Path) -> Holding:
    scenes.seed_market()
    return Holding(alice, tmp_path / "AAPL.csv")


@pytest.mark.parametrize(("new", "old"), [(4, 1), (1, 5)])
@pytest.mark.parametrize("rescale", [True, False])
def test_a_split_that_is_due_when_a_replay_begins_moves_no_value(
    holding: Holding, rescale: bool, new: int, old: int
):
    holding.split_today(new, old)
    before = holding.value

    holding.replay(Decimal(100) if rescale else holding.start, rescale=rescale)

    shares = shares_of(holding.alice, holding.instrument)
    assert shares == 10 * Decimal(new) / old
    assert holding.value == pytest.approx(before, abs=shares * Decimal("0.01"))
    said = StringIO()
    call_command("check_ledger", stdout=said)
    assert "0 mismatches" in said.getvalue()


def test_a_replay_that_begins_after_a_split_has_the_prices_that_the_command_says(
    holding: Holding,
):
    """The file's own prices, or scaled to the market's; the split is over."""
    holding.split_today(4, 1)
    holding.replay(holding.start)
    split = holding.price
    assert split == pytest.approx(holding.start / 4, abs=Decimal("0.01"))

    holding.replay(Decimal(100), rescale=True)
    assert holding.price == pytest.approx(split, abs=Decimal("0.01"))
    holding.replay(Decimal(100))
    assert holding.price == 100


# Rounds


class Broker:
    """A simulator that plays bars of AAPL a round a minute, which splits may come between."""

    def __init__(self, bars: list[tuple[Decimal, ...]]) -> None:
        self.at = NOW
        self.instruments = {symbol: market.make_instrument(symbol) for symbol in LISTED}
        self.aapl = self.instruments["AAPL"]
        for instrument in self.instruments.values():
            market.set_quote(instrument, "100.00", "100.01")
        self.alice = market.make_customer("holder@example.com")
        market.give(self.alice, self.aapl.asset, "10")
        self.undisturbed = self._replay(bars)
        lease.acquire("me", now=NOW)
        self.runner = Runner(
            RoundSource(
                MarketModel(SPECS, seed=1, at=NOW, split_ratios=splits.cumulative_ratios()),
                listed=LISTED,
                replay=self._replay(bars),
            ),
            holder="me",
            interval=60,
            duration=None,
            clock=lambda: self.at,
            stop=Event(),
            report=lambda _: None,
            listed=LISTED,
        )

    def _replay(self, bars: list[tuple[Decimal, ...]]) -> Replay:
        rows = tuple(
            Row(number, NOW + timedelta(days=number), NOW.date(), "AAPL", prices, OLD_VOLUME)
            for number, prices in enumerate(bars)
        )
        recording = Recording(Path("AAPL.csv"), rows, ())
        return Replay([recording], self.instruments, split_ratios=splits.cumulative_ratios())

    def split(self, new: int, old: int) -> None:
        day = self.at.astimezone(calendar.NEW_YORK).date()
        while CorporateAction.objects.filter(payable_date=day).exists():
            day -= timedelta(days=1)
        announce_split(self.aapl, new, old, ex_date=day, at=self.at)

    def round(self) -> Quote:
        self.at += timedelta(minutes=1)
        self.runner.make_round()
        return Quote.objects.get(pk=self.aapl.pk)


@contextmanager
def nothing_stays() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


prices = st.decimals(Decimal(20), Decimal(400), places=2)
bars = st.tuples(prices, prices, prices, prices)
ratios = st.sampled_from([(2, 1), (4, 1), (3, 2), (1, 2), (1, 5), (7, 3)])


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
@given(
    days=st.lists(bars, min_size=3, max_size=3),
    due=st.dictionaries(st.integers(0, 11), ratios, min_size=1, max_size=2),
)
def test_whatever_splits_come_a_holding_is_worth_what_the_file_says(
    days: list[tuple[Decimal, ...]], due: dict[int, tuple[int, int]]
):
    with nothing_stays():
        broker, made = Broker(days), Fraction(1)
        for number in range(12):
            if number in due:
                broker.split(*due[number])
                made *= Fraction(*due[number])
            quote = broker.round()
            (tick,) = broker.undisturbed.next()
            for shown, plain in (
                (quote.price, tick.price),
                (quote.came_from, tick.came_from),
                (quote.low_ahead, tick.low_ahead),
            ):
                in_old = None if shown is None else float(Fraction(shown) * made)
                wanted = None if plain is None else float(plain)
                assert in_old == pytest.approx(wanted, abs=float(made) / 100)
                assert shown is None or shown % Decimal("0.01") == 0
            assert quote.ask - quote.bid == Decimal("0.01")
            shares = Fraction(shares_of(broker.alice, broker.aapl))
            assert float(shares * Fraction(quote.price)) == pytest.approx(
                float(10 * tick.price), abs=float(made) / 10 + 0.1
            )


def test_what_is_offered_and_traded_after_a_split_is_counted_in_new_shares():
    broker = Broker([(Decimal(100),) * 4] * 2)
    before = broker.round()
    broker.split(4, 1)
    after = broker.round()
    assert after.bid_size == 4 * before.bid_size
    quarter = broker.aapl.asset.units(OLD_VOLUME / 4)
    assert (before.volume, after.volume) == (quarter, 4 * quarter + 4 * quarter)


def test_an_order_on_the_way_of_a_bar_that_a_split_cuts_trades_at_its_price_in_new_shares():
    """The bar goes from 100 over 104 to 90. A 4:1 split at 104 turns a limit of 95 into 23.75."""
    broker = Broker([(Decimal(100), Decimal(104), Decimal(90), Decimal(92))])
    broker.round()
    broker.round()
    order = market.place(broker.alice, "buy", "10", limit="95.00", now=broker.at)
    broker.split(4, 1)
    broker.round()
    order.refresh_from_db()
    assert order.status == "filled"
    fill = order.executions.get()
    assert (fill.price, fill.quantity) == (Decimal("23.75"), broker.aapl.asset.units(Decimal(40)))


def test_no_more_is_traded_than_can_be_counted_however_many_shares_a_split_makes():
    broker = Broker([(Decimal("1.00"),) * 4])
    row = Row(1, NOW, NOW.date(), "AAPL", (Decimal(1),), Decimal(10**12))
    player = Replay([Recording(Path("AAPL.csv"), (row,), ())], broker.instruments)
    player.set_split_ratios({"AAPL": Fraction(1000)})
    (tick,) = player.next()
    assert tick.volume == tick.bid_size == 10**12
