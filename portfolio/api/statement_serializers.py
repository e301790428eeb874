"""The shapes of account statements, for the schema; `statement_documents` writes them."""

from typing import Any

from rest_framework import serializers

from be.api.fields import ChoiceField
from exchange.models import AssetClass, Side
from portfolio.api.fields import MoneyField, PriceField, QuantityField, TimeField
from portfolio.api.serializers import TERMS
from portfolio.rules.lots import LotMethod

PERIOD_TYPES = ("month", "year")
TRANSFER_TYPES = ("deposit", "deposit_return", "withdrawal", "transfer_in", "adjustment")
INCOME_TYPES = ("dividend", "coupon", "reversal")
ACTION_TYPES = ("split", "redemption")


class StatementPeriodSerializer(serializers.Serializer[Any]):
    """A month or year of which there is a statement."""

    id = serializers.CharField(help_text="As 2026-10 or 2026; `statements/{period}/` takes it.")
    type = ChoiceField(PERIOD_TYPES)
    start = TimeField(help_text="Midnight UTC. What is booked after it is in the statement.")
    end = TimeField(help_text="The midnight that ends it; what is booked at it is still in.")
    preliminary = serializers.BooleanField(
        help_text="The period runs, or has ended within the last six hours: something may change."
    )


class StatementAccountSerializer(serializers.Serializer[Any]):
    holder = serializers.CharField(help_text="Empty if no name is known.")
    email = serializers.EmailField()


class EquityChangeSerializer(serializers.Serializer[Any]):
    """The figures between `opening` and `closing` are the difference, to the cent."""

    opening = MoneyField(help_text="Cash and positions at the start.")
    net_deposits = MoneyField(
        help_text="Deposits and transfers in, less withdrawals and returned deposits."
    )
    income = MoneyField(help_text="Dividends and coupons, less what was taken back.")
    realized_gains = MoneyField(help_text="Of all sales and redemptions.")
    unrealized_gains = MoneyField(
        help_text="How much more the positions have gained than before; what lots from another "
        "broker had gained before they came does not count."
    )
    fees = MoneyField(
        help_text="Of all trades, below zero, if the gains leave them out; else 0.00."
    )
    other = MoneyField(help_text="What none of these is; zero.")
    closing = MoneyField(help_text="Cash and positions at the end.")


class CashChangeSerializer(serializers.Serializer[Any]):
    """All movements of cash, signed: what lies between `opening` and `closing` adds up."""

    opening = MoneyField()
    deposits = MoneyField()
    withdrawals = MoneyField()
    returned_deposits = MoneyField(help_text="Deposits that a bank has taken back.")
    transfers_in = MoneyField(help_text="From another broker: cash, and the worth of securities.")
    adjustments = MoneyField(help_text="What the broker has put right by a credit or debit.")
    deliveries = MoneyField(help_text="What these securities were paid with on arrival.")
    purchases = MoneyField(help_text="Fees included.")
    sales = MoneyField(help_text="Fees taken off.")
    redemptions = MoneyField()
    dividends = MoneyField()
    coupons = MoneyField()
    reversals = MoneyField(help_text="Payments made by mistake that were taken back.")
    other = MoneyField(help_text="What none of these is; zero.")
    closing = MoneyField()


class GainsByTermSerializer(serializers.Serializer[Any]):
    short_term = MoneyField()
    long_term = MoneyField(help_text="Held for more than a year.")
    total = MoneyField()


class StatementHoldingSerializer(serializers.Serializer[Any]):
    """A position at the end, in the shares of that time."""

    symbol = serializers.CharField()
    name = serializers.CharField()
    asset_class = ChoiceField(AssetClass.choices)
    quantity = QuantityField()
    price = PriceField(
        allow_null=True, help_text="For one share or coin, or 100 of face value; the last by then."
    )
    accrued_interest = MoneyField(help_text="Of a bond; in the market value.")
    market_value = MoneyField(allow_null=True)
    cost_basis = MoneyField(allow_null=True, help_text="Null if trades don't account for it.")
    unrealized_pnl = MoneyField(allow_null=True)


class StatementTradeSerializer(serializers.Serializer[Any]):
    """An execution, in the shares of its time."""

    id = serializers.UUIDField()
    executed_at = TimeField()
    symbol = serializers.CharField()
    side = ChoiceField(Side.choices)
    quantity = QuantityField()
    price = PriceField()
    accrued_interest = MoneyField(help_text="Of a bond; in the amount.")
    fee = MoneyField()
    amount = MoneyField(help_text="What was received, or below zero paid; with the fee.")


class StatementTransferSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="The bank transaction, or the transfer in.")
    booked_at = TimeField()
    type = ChoiceField(TRANSFER_TYPES)
    amount = MoneyField(help_text="Below zero for what left the account.")


class StatementDeliverySerializer(serializers.Serializer[Any]):
    """A lot that came from another broker."""

    id = serializers.UUIDField(help_text="As `lot_id` of a sale has it.")
    delivered_at = TimeField()
    symbol = serializers.CharField()
    quantity = QuantityField()
    acquired_at = TimeField(help_text="When it was acquired there.")
    cost_basis = MoneyField(help_text="What it had cost there.")
    market_value = MoneyField(help_text="On arrival.")


class StatementIncomeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    paid_at = TimeField()
    symbol = serializers.CharField()
    type = ChoiceField(INCOME_TYPES)
    amount = MoneyField(help_text="Below zero for what was taken back.")


class StatementActionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    carried_out_at = TimeField()
    symbol = serializers.CharField()
    type = ChoiceField(ACTION_TYPES)
    quantity_before = QuantityField()
    quantity_after = QuantityField()
    amount = MoneyField(help_text="What a redemption paid.")


class StatementGainSerializer(serializers.Serializer[Any]):
    """The part of a sale or redemption that came out of one lot."""

    id = serializers.UUIDField(help_text="The execution or redemption that sold.")
    lot_id = serializers.UUIDField(help_text="The execution or delivery that brought it.")
    symbol = serializers.CharField()
    quantity = QuantityField()
    acquired_at = TimeField()
    sold_at = TimeField()
    proceeds = MoneyField(help_text="Fees taken off, if they are in costs.")
    cost_basis = MoneyField(help_text="Fees included, if they are in costs.")
    gain = MoneyField()
    term = ChoiceField(TERMS)


class StatementSerializer(StatementPeriodSerializer):
    """The statement of a month or year. Lists are in the order of time, holdings by symbol."""

    as_of = TimeField(help_text="When `closing` and `holdings` are of: the end, or now.")
    account = StatementAccountSerializer()
    currency = ChoiceField(("USD",))
    lot_method = ChoiceField([method.value for method in LotMethod])
    equity = EquityChangeSerializer()
    cash = CashChangeSerializer()
    fees_in_cost = serializers.BooleanField(
        help_text="Whether costs and proceeds, and so gains, are with fees; see `settings/`."
    )
    fees = MoneyField(help_text="Of all trades; they are in the amounts.")
    realized_gains = GainsByTermSerializer()
    holdings = StatementHoldingSerializer(many=True)
    trades = StatementTradeSerializer(many=True)
    transfers = StatementTransferSerializer(many=True)
    deliveries = StatementDeliverySerializer(many=True)
    income = StatementIncomeSerializer(many=True)
    corporate_actions = StatementActionSerializer(many=True)
    realized = StatementGainSerializer(many=True)
