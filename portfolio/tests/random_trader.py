"""A customer who does things at random, and what follows from them in plain decimals."""

import random
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import accumulate
from typing import Any
from uuid import UUID

from banking.models import JournalEntry, OpeningLot
from banking.rules.assets import USD
from be.kernel.refusals import Refusal
from exchange.models import (
    ActionKind,
    Entitlement,
    Execution,
    FeeSchedule,
    Instrument,
    Quote,
    TimeInForce,
)
from exchange.tests.market import (
    NOW,
    advance,
    make_bond,
    make_customer,
    make_instrument,
    place,
    tick,
)
from exchange.trading.intake.requests import NamedLot
from portfolio import lot_settings
from portfolio.rules.lots import LotMethod
from portfolio.tests import plain_lots
from portfolio.tests.accounts import buy, carry_out, reprice
from portfolio.tests.random_accounts import bring_some


class Account:
    """A customer who trades at random."""

    def __init__(self, seed, *, chooses=False):
        """With `chooses`, the customer changes the settings now and then, and all trades cost."""
        self.chooses = chooses
        self.random = random.Random(seed)
        self.user = make_customer("alice@example.com", dollars="50000000")
        self.stock = make_instrument("AAPL", name="Apple Inc.")
        self.coin = make_instrument("BTC-USD", "crypto")
        self.bond = make_bond()
        self.at = NOW
        if chooses:
            FeeSchedule.objects.update(maker_bps=9, taker_bps=31)
        if seed % 2:
            prices = {each: self.price() for each in (self.stock, self.coin, self.bond)}
            bring_some(self.random, prices, self.user, self.at)
        for _ in range(3):
            buy(self.user, self.stock, "2.5", self.price(), at=self.at)
        self.name(above=1)

    def step(self):
        self.at += timedelta(minutes=1, microseconds=self.random.randrange(10**6))
        choice = self.random.choice
        # A step may be refused (too small, nothing held, repaid): then nothing moves.
        with suppress(Refusal):
            choice(
                [self.buy] * 4
                + [self.sell] * 2
                + [self.name, partial(self.name, 1), self.meet, self.act]
                + [self.choose, self.choose_fees] * self.chooses
            )()

    def buy(self):
        instrument = self.random.choice([self.stock, self.stock, self.coin, self.bond])
        quantity = self.random.choice(["0.01", "0.020007", "1", "2.5", "3.333333"])
        if instrument == self.bond:
            quantity = f"{self.random.randint(1, 9)}000"
        buy(self.user, instrument, quantity, self.price(), at=self.at)

    def price(self):
        return self.random.choice(["100.17", "101.17", "103.17"])

    def sell(self):
        instrument = self.random.choice([self.stock, self.coin, self.bond])
        held = plain(self.user)[instrument.symbol].quantity
        step = Decimal(1000) if instrument == self.bond else Decimal("0.000001")
        quantity = held * self.random.choice([100, self.random.randint(1, 99)]) / 100
        reprice(instrument, self.price(), at=self.at)
        # An order that has waited for a lock is executed at the time at which it came.
        late = timedelta(seconds=self.random.choice([0, 0, 90]))
        quantity -= quantity % step
        place(self.user, "sell", f"{quantity}", symbol=instrument.symbol, now=self.at - late)

    def name(self, above=0):
        """Some of the lots, in an order that is filled at once, or waits above the market."""
        book = plain(self.user)["AAPL"]
        lots = self.random.sample(book.open, min(len(book.open), 3))
        named = [
            NamedLot(UUID(lot.trade_id), min(lot.quantity, Decimal(self.random.choice(["1", "2"]))))
            for lot in lots
        ]
        quantity = sum((lot.quantity for lot in named), Decimal(0))
        reprice(self.stock, self.price(), at=self.at)
        limit = Quote.objects.get(instrument=self.stock).bid + above
        place(
            self.user,
            "sell",
            f"{quantity}",
            limit=f"{limit}",
            now=self.at,
            time_in_force=TimeInForce.GTC,
            lots=tuple(named),
        )

    def meet(self):
        """The market comes to the orders that wait, with less than they sell."""
        bid = Quote.objects.get(instrument=self.stock).bid + 2
        size = self.random.choice(["0.5", "1.25", "100"])
        advance(tick("AAPL", f"{bid}", f"{bid + 1}", size=size), at=self.at)

    def choose(self):
        """Another lot method of one's own; some days later, or now."""
        self.at += timedelta(days=self.random.choice([0, 0, 1, 2]))
        method = self.random.choice([*LotMethod])
        lot_settings.change(owner_id=self.user.pk, lot_method=method, now=self.at)

    def choose_fees(self):
        """Fees in costs or beside them."""
        fees_in_cost = self.random.random() < 0.4
        lot_settings.change(owner_id=self.user.pk, fees_in_cost=fees_in_cost, now=self.at)

    def act(self):
        if self.random.random() < 0.15 and self.bond.tradable:
            carry_out(self.bond, ActionKind.REDEMPTION, at=self.at, amount=Decimal("100.5"))
            self.bond.refresh_from_db()
        else:
            new, old = self.random.choice([(2, 1), (3, 2), (7, 3), (1, 7), (1, 1000)])
            reprice(self.stock, self.price(), at=self.at)
            if Quote.objects.get(instrument=self.stock).high * old / new > 10**6:
                new, old = old, new  # no price, not the highest of the day, may be too high
            carry_out(self.stock, ActionKind.SPLIT, at=self.at, new_shares=new, old_shares=old)


def plain(user, method=LotMethod.FIFO, until=None):
    """The lots by symbol, in plain decimals, from everything that was ever booked.

    With fees as the user has chosen.
    """
    _, fees_in_cost = lot_settings.chosen(user.pk)
    booked: dict[str, list[plain_lots.Event]] = defaultdict(list)
    to_take: dict[UUID, list[list[Any]]] = {}
    for entry in JournalEntry.objects.order_by("pk"):
        for fill in Execution.objects.filter(owner=user, trade_id=entry.reference).order_by("pk"):
            instrument, buys = fill.order.instrument, fill.order.side == "buy"
            fees = fill.fee_cents if fees_in_cost else 0
            lots = to_take.setdefault(fill.order_id, [[*lot] for lot in fill.order.lots or ()])
            booked[instrument.symbol].append(
                plain_lots.Trade(
                    str(fill.pk),
                    "buy" if buys else "sell",
                    instrument.asset.amount(fill.quantity),
                    USD.amount(fill.cents + (fees if buys else -fees)),
                    fill.executed_at,
                    [*taken_from(lots, fill.quantity, instrument.asset)],
                )
            )
        for lot in OpeningLot.objects.filter(delivery=entry.reference).order_by("pk"):
            quantity = Instrument.objects.get(symbol=lot.asset).asset.amount(lot.units)
            cost = USD.amount(lot.cost_cents)
            booked[lot.asset].append(
                plain_lots.Trade(str(lot.pk), "buy", quantity, cost, lot.acquired_at)
            )
        changes = Entitlement.objects.filter(action__kind__in=("split", "redemption"))
        for each in changes.filter(owner=user, pk=entry.reference):
            instrument, key, at = each.action.instrument, str(each.pk), each.carried_out_at
            before, after = map(instrument.asset.amount, (each.units, each.units_after))
            booked[instrument.symbol].append(
                plain_lots.Split(key, before, after, at)
                if each.action.kind == ActionKind.SPLIT
                else plain_lots.Trade(key, "sell", before, USD.amount(each.cents), at)
            )
    found = defaultdict(lambda: plain_lots.match_lots([], method=method))
    for symbol, events in booked.items():
        times = accumulate((each.at for each in events), max)
        in_order = [
            type(each)(**{name: getattr(each, name) for name in each.__slots__} | {"at": at})
            for each, at in zip(events, times, strict=True)
        ]
        found[symbol] = plain_lots.match_lots(in_order, method=method, until=until)
    return found


def taken_from(lots, units, asset):
    """Take what a fill takes from the lots that are still named."""
    while units and lots:
        lot_id, left = lots[0]
        part = min(units, left)
        yield lot_id, asset.amount(part)
        units -= part
        lots[0][1] -= part
        if not lots[0][1]:
            del lots[0]
