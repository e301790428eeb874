"""Fees come from a table that an administrator edits; an order keeps those of its placing."""

from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client

from authentication.models import User
from banking.models import Posting
from exchange.models import FeeSchedule, Instrument
from exchange.tests import market
from exchange.tests.market import advance, balance, place, tick

pytestmark = pytest.mark.usefixtures("books_must_agree")


@pytest.fixture
def bitcoin(db: None) -> Instrument:
    instrument = market.make_instrument("BTC-USD", "crypto")
    market.set_quote(instrument, "1000.00", "1000.00")
    return instrument


def test_the_table_starts_with_the_default_rates(db: None):
    FeeSchedule.objects.all().delete()
    import_module("exchange.migrations.0004_default_fees").enter(apps, None)
    rates = FeeSchedule.objects.values_list("asset_class", "maker_bps", "taker_bps")
    assert set(rates) == {("stock", 0, 0), ("etf", 0, 0), ("bond", 0, 0), ("crypto", 15, 25)}


def test_an_order_pays_the_rate_of_the_table(alice: User, bitcoin: Instrument):
    FeeSchedule.objects.filter(asset_class="crypto").update(taker_bps=100)
    order = place(alice, "buy", "1", symbol="BTC-USD")
    assert order.executions.get().fee_cents == 1000
    assert balance(alice)[0] == 8990
    earned = Posting.objects.get(account__house="fees")
    assert (earned.account.asset, earned.units) == ("USD", 1000)


def test_an_order_keeps_the_rates_of_the_moment_in_which_it_was_placed(
    alice: User, bitcoin: Instrument
):
    order = place(alice, "buy", "1", symbol="BTC-USD", limit="900.00")
    assert balance(alice)[1] == Decimal("902.25")
    FeeSchedule.objects.filter(asset_class="crypto").update(maker_bps=500, taker_bps=500)
    advance(tick("BTC-USD", "900.00", "900.00"))
    # Fifteen basis points of 900.
    assert order.executions.get().fee_cents == 135
    assert balance(alice) == (Decimal("9098.65"), 0)


def test_a_class_that_is_not_in_the_table_has_the_default_rates(alice: User, bitcoin: Instrument):
    FeeSchedule.objects.all().delete()
    assert place(alice, "buy", "1", symbol="BTC-USD").executions.get().fee_cents == 250


def test_an_administrator_edits_the_table(bitcoin: Instrument, root: Client):
    page = "/admin/exchange/feeschedule/crypto/change/"
    answer = root.post(page, {"asset_class": "crypto", "maker_bps": 1, "taker_bps": 2})
    assert answer.status_code == 302, answer.content.decode()
    assert FeeSchedule.objects.get(asset_class="crypto").taker_bps == 2
    answer = root.post(page, {"asset_class": "crypto", "maker_bps": 1, "taker_bps": 9999})
    assert answer.status_code == 200
    assert FeeSchedule.objects.get(asset_class="crypto").taker_bps == 2
