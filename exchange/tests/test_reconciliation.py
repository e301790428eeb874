"""What reconciliation reports when orders, executions and holds do not agree."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from authentication.models import User
from banking import holds, ledger
from banking.models import EntryKind, Hold, HouseAccount
from banking.rules.assets import USD
from exchange.models import Instrument, Order
from exchange.tests import market
from exchange.trading.settlement import reconciliation


def test_after_honest_trades_there_is_nothing_to_say(alice: User, aapl: Instrument, capsys):
    market.place(alice)
    market.place(alice, "buy", "1", limit="150.00")
    assert [*reconciliation.check()] == []
    call_command("check_ledger")
    assert "0 mismatches" in capsys.readouterr().out


def test_an_order_that_counts_other_fills_than_it_had_is_found(alice: User, aapl: Instrument):
    order = market.place(alice)
    Order.objects.update(filled_quantity=500_000)
    (said,) = reconciliation.check()
    assert str(order.pk) in said
    with pytest.raises(CommandError, match="1 mismatches"):
        call_command("check_ledger")


def test_a_trade_entry_without_an_execution_is_found(alice: User, aapl: Instrument):
    account = ledger.account_of(alice.pk, aapl.asset)
    market_account = ledger.house_account(HouseAccount.MARKET, aapl.asset)
    ledger.post(
        kind=EntryKind.TRADE,
        reference=uuid4(),
        lines=[ledger.Line(account, 5), ledger.Line(market_account, -5)],
        at=market.NOW,
    )
    (said,) = reconciliation.check()
    assert "executed 0 units of AAPL" in said


def test_an_open_order_without_a_hold_and_a_hold_without_an_order_are_found(
    alice: User, aapl: Instrument
):
    order = market.place(alice, "buy", "1", limit="150.00")
    holds.release(Hold.objects.get(), at=market.NOW)
    assert [*reconciliation.check()] == [f"Order {order.pk} is open and has no hold."]
    stray = holds.hold(
        account=ledger.account_of(alice.pk, USD), units=5, reference=uuid4(), at=market.NOW
    )
    assert any(str(stray.reference) in said for said in reconciliation.check())


def test_an_order_without_any_price_to_respect_is_a_defect():
    with pytest.raises(ValueError, match="neither a limit nor a collar"):
        _ = Order(limit_price=None, collar_price=None).worst_price
    assert Order(collar_price=Decimal(5)).worst_price == 5
