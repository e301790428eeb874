"""The shapes of what taxes are computed from; the answers are written by `tax_documents`."""

from typing import Any

from rest_framework import serializers

from be.api.fields import ChoiceField, WholeNumberField
from portfolio.api.fields import MoneyField, QuantityField, TimeField
from portfolio.api.serializers import InstrumentRowSerializer, LotMethodQuery
from portfolio.rules.lots import LotMethod

# The first and the last whose windows are in years that have dates.
FIRST_YEAR, LAST_YEAR = 1970, 9998


class TaxYearQuery(LotMethodQuery):
    year = WholeNumberField(
        required=False,
        min_value=FIRST_YEAR,
        max_value=LAST_YEAR,
        help_text="Of the trade dates in New York; this year if left out.",
    )


class ReplacementSerializer(serializers.Serializer[Any]):
    """Shares that replaced some of those sold."""

    lot_id = serializers.UUIDField(help_text="The execution that bought them.")
    acquired_at = TimeField()
    quantity = QuantityField(
        help_text="In shares as they were counted at the purchase, or at the sale if it was later."
    )
    cost_basis = MoneyField(help_text="What they cost, fees included.")
    disallowed_loss = MoneyField(help_text="The part of the loss that is added to it.")
    adjusted_cost_basis = MoneyField()
    held_since = serializers.DateField(
        help_text="From when their holding period counts: the time for which the shares sold were "
        "held is added."
    )


class WashedPartSerializer(serializers.Serializer[Any]):
    """Shares of a sale out of one lot, of whose loss some is disallowed."""

    lot_id = serializers.UUIDField(help_text="The execution that bought them.")
    acquired_at = TimeField()
    held_since = serializers.DateField(
        help_text="The trade date, or earlier if they had replaced others."
    )
    quantity = QuantityField()
    proceeds = MoneyField()
    cost_basis = MoneyField(help_text="As in `realized/`.")
    carried_loss = MoneyField(help_text="Of earlier wash sales: it is part of the basis too.")
    loss = MoneyField(help_text="Cost and carried loss, less proceeds.")
    washed_quantity = QuantityField(help_text="How many of the shares were replaced.")
    disallowed_loss = MoneyField()
    replacements = ReplacementSerializer(many=True)


class WashSaleSerializer(InstrumentRowSerializer):
    """A sale of which a loss is disallowed."""

    id = serializers.UUIDField(help_text="The execution that sold.")
    sold_at = TimeField()
    disallowed_loss = MoneyField()
    parts = WashedPartSerializer(many=True, help_text="Only those of which a loss is disallowed.")


class WashSaleTotalsSerializer(serializers.Serializer[Any]):
    sales = serializers.IntegerField(help_text="How many are listed.")
    disallowed_loss = MoneyField()
    short_term_disallowed_loss = MoneyField(help_text="Of shares held for a year or less.")
    long_term_disallowed_loss = MoneyField()


class WashSalesSerializer(serializers.Serializer[Any]):
    year = serializers.IntegerField()
    lot_method = ChoiceField([method.value for method in LotMethod])
    results = WashSaleSerializer(many=True, help_text="The earliest first.")
    totals = WashSaleTotalsSerializer()
