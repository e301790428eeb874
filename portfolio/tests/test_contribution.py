"""What each instrument has earned, and what part of the account's return that was."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from authentication.tests.problems import assert_problem
from banking import ledger
from banking.models import EntryKind, HouseAccount
from banking.rules.assets import USD
from exchange.corporate import processing
from exchange.models import Execution
from exchange.tests.corporate.actions import announce_dividend
from exchange.tests.market import make_customer, make_instrument
from portfolio.api.contribution_serializers import ContributionSerializer
from portfolio.tests.accounts import (
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    buy,
    deposit,
    get,
    midnight,
    open_account,
    reprice,
    sell,
    shown,
    text,
    withdraw,
)

pytestmark = pytest.mark.django_db


def by_symbol(document):
    return {row["symbol"]: row for row in document["by_instrument"]}


def test_two_stocks_and_a_deposit(aapl):
    """The worked example of docs/portfolio.md."""
    msft = make_instrument("MSFT", name="Microsoft")
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    buy(alice, aapl, "50", "100.00", at=MONDAY)
    reprice(aapl, "110.00", at=MONDAY + timedelta(hours=11))
    # 10,500 are in the account, of which AAPL has gained 500: 5 %.
    deposit(alice, "10500", at=TUESDAY)
    buy(alice, msft, "20", "200.00", at=TUESDAY)
    reprice(msft, "221.00", at=WEDNESDAY)

    document = shown(alice, "contribution", now=WEDNESDAY)

    nothing = {"income": "0.00", "fees": "0.00"}
    of_aapl = {"contribution": "0.050000", "gain": "500.00", "market_gain": "500.00", **nothing}
    # 420 of 21,000 are 2 %, of a dollar that has become 1.05 by then.
    of_msft = {"contribution": "0.021000", "gain": "420.00", "market_gain": "420.00", **nothing}
    total = {"gain": "920.00", "market_gain": "920.00", **nothing}
    assert document == {
        "period": "1m",
        "start": text(MONDAY),
        "end": text(WEDNESDAY),
        **total,
        "time_weighted_return": "0.071000",
        "by_instrument": [
            {**of_aapl, "symbol": "AAPL", "name": "Apple Inc.", "asset_class": "stock"},
            {**of_msft, "symbol": "MSFT", "name": "Microsoft", "asset_class": "stock"},
        ],
        "by_asset_class": [{**total, "contribution": "0.071000", "asset_class": "stock"}],
        "conventions": {"time_weighted_return": "valued_at_each_flow", "contribution": "grap"},
        "reasons": {},
        "exposure": [
            {"time": text(at), "invested": share, "by_asset_class": {"stock": share}}
            for at, share in [
                (MONDAY, "0.000000"),
                (midnight(TUESDAY), "0.523810"),  # 5,500 of 10,500
                (midnight(WEDNESDAY), "0.452376"),  # 9,499.80 of 20,999.80: the bid is a cent below
                (WEDNESDAY, "0.463119"),  # 9,920 of 21,420
            ]
        ],
    }


def test_fees_and_income_are_those_of_their_instrument(aapl):
    coin = make_instrument("BTC-USD", "crypto")
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    buy(alice, coin, "0.1", "50000.00", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY)
    reprice(coin, "49999.99", at=TUESDAY)
    announce_dividend(aapl, "1.25", ex_date=TUESDAY.date(), at=TUESDAY)
    processing.run(now=TUESDAY)
    reprice(aapl, "98.00", at=WEDNESDAY)

    document = shown(alice, "contribution", now=WEDNESDAY)

    fee = USD.amount(Execution.objects.get(order__instrument=coin).fee_cents)
    assert fee > 0
    rows = by_symbol(document)
    assert (rows["BTC-USD"]["market_gain"], rows["BTC-USD"]["fees"]) == ("0.00", f"{fee:.2f}")
    assert rows["BTC-USD"]["gain"] == f"{-fee:.2f}"
    assert (rows["AAPL"]["market_gain"], rows["AAPL"]["income"]) == ("-20.00", "12.50")
    assert rows["AAPL"]["gain"] == "-7.50"
    assert (document["income"], document["fees"]) == ("12.50", f"{fee:.2f}")
    # They have gone by today, but not by the week before.
    assert shown(alice, "contribution", now=THURSDAY, period="1d")["fees"] == "0.00"
    assert shown(alice, "contribution", now=THURSDAY, period="1d")["by_instrument"] != []


def test_contributions_are_shown_so_that_they_add_up_to_the_return_that_is_shown(aapl):
    alice = open_account("alice@example.com", deposits="900", at=MONDAY)
    for number in range(3):
        stock = make_instrument(f"S{number}")
        buy(alice, stock, "1", "100.00", at=MONDAY)
        reprice(stock, "100.03", at=TUESDAY)

    document = shown(alice, "contribution", now=TUESDAY)

    # 0.03 of 900 are 0.0000333 for each, and 0.0001 in all.
    assert document["time_weighted_return"] == "0.000100"
    shares = [row["contribution"] for row in document["by_instrument"]]
    assert sorted(shares) == ["0.000033", "0.000033", "0.000034"]
    assert [row["contribution"] for row in document["by_asset_class"]] == ["0.000100"]


def test_what_is_sold_out_still_shows_and_what_was_before_the_period_does_not(aapl):
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    msft = make_instrument("MSFT")
    for stock in (aapl, msft):
        buy(alice, stock, "10", "100.00", at=MONDAY)
    sell(alice, msft, "10", "90.00", at=MONDAY + timedelta(hours=1))
    sell(alice, aapl, "10", "130.00", at=WEDNESDAY)

    document = shown(alice, "contribution", now=WEDNESDAY + timedelta(hours=1), period="1d")

    rows = by_symbol(document)
    assert [*rows] == ["AAPL"]
    assert (rows["AAPL"]["gain"], document["gain"]) == ("300.10", "300.10")  # from a bid of 99.99
    assert document["exposure"][-1]["invested"] == "0.000000"
    everything = by_symbol(shown(alice, "contribution", now=THURSDAY, period="all"))
    assert {symbol: row["gain"] for symbol, row in everything.items()} == {
        "AAPL": "300.00",
        "MSFT": "-100.00",
    }


def test_a_dividend_that_is_paid_after_the_sale_is_a_row_of_its_own(aapl):
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY)
    announce_dividend(aapl, "2.00", ex_date=TUESDAY.date(), payable_date=THURSDAY.date(), at=MONDAY)
    processing.run(now=TUESDAY)
    sell(alice, aapl, "10", "100.00", at=TUESDAY + timedelta(hours=1))
    processing.run(now=THURSDAY)

    document = shown(alice, "contribution", now=THURSDAY + timedelta(hours=1), period="1d")

    (row,) = document["by_instrument"]
    assert (row["symbol"], row["gain"], row["income"]) == ("AAPL", "20.00", "20.00")


def test_what_was_held_before_the_first_deposit_counts_in_dollars_but_not_in_the_return(aapl):
    bob = make_customer("bob@example.com", dollars="0")
    reprice(aapl, "100.00", at=MONDAY)
    give(bob, aapl, "10", at=MONDAY)
    deposit(bob, "1000", at=TUESDAY)
    reprice(aapl, "110.00", at=WEDNESDAY)

    document = shown(bob, "contribution", now=WEDNESDAY)

    (row,) = document["by_instrument"]
    assert (row["gain"], document["gain"]) == ("1100.00", "1100.00")
    # 100 of 2,000
    assert (row["contribution"], document["time_weighted_return"]) == ("0.050000", "0.050000")


def give(user, instrument, quantity, *, at):
    """Securities that come from the market, without an execution."""
    units = instrument.asset.units(Decimal(quantity))
    ledger.post(
        kind=EntryKind.SPLIT,
        reference=uuid4(),
        lines=[
            ledger.Line(ledger.account_of(user.pk, instrument.asset), units),
            ledger.Line(ledger.house_account(HouseAccount.MARKET, instrument.asset), -units),
        ],
        at=at,
    )


def test_what_is_booked_late_before_a_flow_is_a_row_of_cash(aapl):
    alice = open_account("alice@example.com", deposits="10000", at=MONDAY)
    deposit(alice, "1000", at=WEDNESDAY)
    # It came on Tuesday, but the account was valued without it on Wednesday.
    deposit(alice, "500", at=TUESDAY)

    document = shown(alice, "contribution", now=THURSDAY)

    assert document["gain"] == "0.00"
    (row,) = document["by_instrument"]
    assert (row["symbol"], row["asset_class"], row["gain"]) == ("USD", "cash", "0.00")
    assert row["contribution"] == document["time_weighted_return"]
    assert document["by_asset_class"][0]["asset_class"] == "cash"


# Nothing to tell ----------------------------------------------------------------------------------


def test_without_any_deposit_there_are_no_rows():
    alice = open_account("alice@example.com", deposits="1", at=THURSDAY)

    document = shown(alice, "contribution", now=WEDNESDAY)

    assert document["by_instrument"] == document["by_asset_class"] == document["exposure"] == []
    names = ("gain", "market_gain", "income", "fees", "time_weighted_return", "start", "end")
    assert {name: document[name] for name in names} == dict.fromkeys(names)
    assert document["reasons"] == {
        "time_weighted_return": "no_deposits",
        "contribution": "no_deposits",
    }


def test_at_the_moment_of_the_first_deposit_there_is_no_return_yet():
    alice = open_account("alice@example.com", deposits="100", at=MONDAY)

    document = shown(alice, "contribution", now=MONDAY)

    assert (document["gain"], document["time_weighted_return"]) == ("0.00", None)
    assert document["reasons"]["contribution"] == "no_time_passed"
    assert document["by_instrument"] == []


def test_an_account_that_is_emptied_and_refilled(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    buy(alice, aapl, "10", "100.00", at=MONDAY)
    sell(alice, aapl, "10", "110.00", at=MONDAY + timedelta(hours=1))
    withdraw(alice, "1100", at=MONDAY + timedelta(hours=2))
    deposit(alice, "5000", at=WEDNESDAY)
    buy(alice, aapl, "10", "110.00", at=WEDNESDAY)
    reprice(aapl, "99.00", at=THURSDAY)

    document = shown(alice, "contribution", now=THURSDAY)

    (row,) = document["by_instrument"]
    assert (row["gain"], document["gain"]) == ("-10.00", "-10.00")  # 100 and -110
    # 10 %, and then -110 of 5,000 on a dollar that was 1.10.
    assert row["contribution"] == document["time_weighted_return"] == "0.075800"
    invested = [point["invested"] for point in document["exposure"]]
    assert invested[1] is None  # nothing was there at Tuesday's midnight
    assert invested[-1] == "0.202454"  # 990 of 4,890


def test_a_loss_of_everything_is_all_of_the_return(aapl):
    bond = make_instrument("ZERO")
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    buy(alice, bond, "10", "100.00", at=MONDAY)
    reprice(bond, "0.01", at=TUESDAY)
    sell(alice, bond, "10", "0.01", at=TUESDAY)

    document = shown(alice, "contribution", now=WEDNESDAY)

    (row,) = document["by_instrument"]
    assert row["contribution"] == document["time_weighted_return"] == "-0.999900"


def test_a_bad_period_is_refused(alice):
    assert_problem(
        get(alice, "contribution", period="2y"), status=400, code="invalid", field="period"
    )
    assert_problem(
        get(alice, "contribution", benchmark="SPY"), status=400, code="invalid", field="benchmark"
    )


def test_the_answer_has_the_fields_of_the_schema(aapl):
    alice = open_account("alice@example.com", deposits="1000", at=MONDAY)
    buy(alice, aapl, "1", "100.00", at=MONDAY)

    document = shown(alice, "contribution", now=TUESDAY)

    written: Any = ContributionSerializer().fields
    assert [*document] == [*written]
    for name in ("by_instrument", "by_asset_class", "exposure"):
        assert [*document[name][0]] == [*written[name].child.fields]
    assert [*document["conventions"]] == [*written["conventions"].fields]
