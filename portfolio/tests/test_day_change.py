"""The account's day: equity now, less equity at the last close, less what came since."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exchange.corporate import reversals
from exchange.models import ActionKind, CorporateAction
from exchange.tests.market import advance, make_bond, make_instrument, place, set_quote, tick
from portfolio.tests.accounts import (
    buy,
    carry_out,
    deposit,
    open_account,
    reprice,
    sell,
    shown,
    withdraw,
)

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FRIDAY = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
YESTERDAY, TODAY = FRIDAY - DAY, FRIDAY
NOW = TODAY + HOUR


def holdings(user, *, now=NOW):
    """The totals, and the rows by symbol."""
    document = shown(user, "holdings", now=now)
    return document["totals"], {row["symbol"]: row for row in document["results"]}


def test_what_was_bought_at_the_price_that_it_has_gained_nothing_today(aapl):
    reprice(aapl, "250.12", at=YESTERDAY)
    alice = open_account("alice@example.com", deposits="1000", at=TODAY)
    advance(tick("AAPL", "249.55", "249.55"), at=TODAY)
    place(alice, "buy", "1", symbol="AAPL", now=TODAY)

    totals, rows = holdings(alice)

    assert (totals["equity"], totals["day_change"]) == ("1000.00", "0.00")
    row = rows["AAPL"]
    assert (row["day_change"], row["day_change_percent"]) == ("0.00", "0.0000")
    # The instrument's own day.
    assert (row["price_change"], row["price_change_value"]) == ("-0.57", "-0.57")
    assert row["price_change_percent"] == "-0.2279"


def test_what_was_held_counts_from_the_close_and_what_was_added_from_its_price(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=YESTERDAY)
    buy(alice, aapl, "10", "90.00", at=YESTERDAY)
    reprice(aapl, "100.00", at=YESTERDAY + HOUR)
    buy(alice, aapl, "5", "110.00", at=TODAY)
    reprice(aapl, "120.00", at=NOW)

    totals, rows = holdings(alice)

    # 10 × 20 and 5 × 10.
    assert totals["day_change"] == rows["AAPL"]["day_change"] == "250.00"
    assert rows["AAPL"]["day_change_percent"] == "16.1290"  # of 1,000.00 and 550.00
    assert (totals["last_close_equity"], totals["day_net_deposits"]) == ("5100.00", "0.00")


def test_what_was_sold_today_counts_to_its_price_and_in_the_total_only(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=YESTERDAY)
    buy(alice, aapl, "10", "90.00", at=YESTERDAY)
    reprice(aapl, "100.00", at=YESTERDAY + HOUR)
    sell(alice, aapl, "10", "107.00", at=TODAY)
    reprice(aapl, "150.00", at=NOW)

    totals, rows = holdings(alice)

    assert rows == {}
    assert totals["day_change"] == "70.00"


def test_bought_and_sold_within_the_day_the_account_has_gained_the_difference(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=YESTERDAY)
    buy(alice, aapl, "10", "100.00", at=TODAY)
    sell(alice, aapl, "4", "130.00", at=TODAY + timedelta(minutes=5))
    reprice(aapl, "120.00", at=NOW)

    totals, rows = holdings(alice)

    assert totals["day_change"] == rows["AAPL"]["day_change"] == "240.00"  # 4 × 30 and 6 × 20


def test_fees_are_a_part_of_the_day():
    btc = make_instrument("BTC-USD", "crypto")
    alice = open_account("alice@example.com", deposits="50000", at=YESTERDAY)
    set_quote(btc, "60000.00", "60000.00", at=TODAY)
    place(alice, "buy", "0.5", symbol="BTC-USD", now=TODAY)

    totals, rows = holdings(alice)

    assert totals["day_change"] == rows["BTC-USD"]["day_change"] == "-75.00"


def test_deposits_and_withdrawals_are_no_gain_and_no_loss(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=YESTERDAY)
    buy(alice, aapl, "10", "100.00", at=YESTERDAY)
    reprice(aapl, "101.00", at=TODAY - HOUR)
    deposit(alice, "700", at=TODAY)
    withdraw(alice, "250", at=TODAY)
    deposit(alice, "-30", at=TODAY)
    withdraw(alice, "99", at=TODAY, settled=False)

    totals, _ = holdings(alice)

    assert (totals["day_change"], totals["day_net_deposits"]) == ("10.10", "420.00")


def test_a_dividend_is_a_gain_of_its_day(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=YESTERDAY)
    buy(alice, aapl, "10", "100.01", at=YESTERDAY)
    reprice(aapl, "99.00", at=TODAY)
    carry_out(aapl, ActionKind.DIVIDEND, at=TODAY, amount=Decimal("1.50"))

    totals, rows = holdings(alice)

    assert totals["day_change"] == rows["AAPL"]["day_change"] == "5.00"  # −10 and 15

    reversals.reverse(CorporateAction.objects.get().pk, by=alice, now=NOW)  # it was a slip

    totals, rows = holdings(alice)
    assert totals["day_change"] == rows["AAPL"]["day_change"] == "-10.00"
    assert rows["AAPL"]["day_change_percent"] == "-1.0000"


def test_a_split_is_no_gain_and_no_loss(aapl):
    alice = open_account("alice@example.com", deposits="5000", at=YESTERDAY)
    buy(alice, aapl, "10", "100.04", at=YESTERDAY)
    reprice(aapl, "102.00", at=TODAY - HOUR)
    before = holdings(alice)[0]
    carry_out(aapl, ActionKind.SPLIT, at=TODAY, new_shares=4, old_shares=1)

    totals, rows = holdings(alice)

    # 25.50 is on the grid, a quarter of 100.03 is not.
    assert totals == before
    assert totals["day_change"] == rows["AAPL"]["day_change"] == "19.70"


def test_a_bond_earns_the_interest_of_the_day():
    bond = make_bond()
    alice = open_account("alice@example.com", deposits="20000", at=YESTERDAY)
    set_quote(bond, "98.500", "98.500", size="100000", at=YESTERDAY)
    place(alice, "buy", "10000", symbol="ACME-2033", now=YESTERDAY)

    totals, rows = holdings(alice)

    interest = Decimal(rows["ACME-2033"]["accrued_interest"])
    assert totals["day_change"] == rows["ACME-2033"]["day_change"]
    assert 0 < Decimal(totals["day_change"]) < interest
    assert rows["ACME-2033"]["price_change_value"] == "0.00"


def test_while_the_exchange_is_closed_only_coins_have_a_day(aapl, settings):
    settings.EXCHANGE_MARKET_HOURS = True
    btc = make_instrument("BTC-USD", "crypto")
    alice = open_account("alice@example.com", deposits="50000", at=YESTERDAY)
    buy(alice, aapl, "10", "100.01", at=YESTERDAY)
    buy(alice, btc, "0.1", "60000.00", at=YESTERDAY)
    reprice(aapl, "104.00", at=FRIDAY)
    reprice(btc, "61000.00", at=FRIDAY + 8 * HOUR)

    totals, _ = holdings(alice, now=FRIDAY + 8 * HOUR)  # after the exchange's close

    assert totals["day_change"] == "140.00"  # 40.00 and 100.00

    reprice(btc, "61500.00", at=FRIDAY + 18 * HOUR)  # on Saturday

    totals, rows = holdings(alice, now=FRIDAY + DAY)

    assert (rows["AAPL"]["day_change"], rows["AAPL"]["price_change_value"]) == ("0.00", "40.00")
    assert rows["BTC-USD"]["day_change"] == totals["day_change"] == "50.00"
