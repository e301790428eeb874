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
    cost_basis = MoneyField(help_text="Fees included, whatever `settings/` say.")
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


# Form 8949 ------------------------------------------------------------------------------------

PARTS = ("I", "II")
BOXES = ("C", "F", "I", "L")


class Form8949LineSerializer(serializers.Serializer[Any]):
    """A sale out of one lot, or the part of it that has the same adjustments."""

    part = ChoiceField(PARTS, help_text="I for short-term, II for long-term sales.")
    box = ChoiceField(BOXES, help_text="C or F; I or L for digital assets since 2025.")
    description = serializers.CharField(help_text="As `100 sh. AAPL`.")
    date_acquired = serializers.DateField(
        help_text="The trade date in New York, or earlier if the shares had replaced others."
    )
    date_sold = serializers.DateField()
    proceeds = MoneyField(help_text="Fees taken off.")
    cost_basis = MoneyField(help_text="Fees and losses of earlier wash sales included.")
    code = serializers.CharField(help_text="W if a loss is disallowed, or empty.")
    adjustment = MoneyField(help_text="The disallowed loss.")
    gain = MoneyField(help_text="Proceeds, less the basis, and the adjustment.")
    symbol = serializers.CharField()
    quantity = QuantityField()
    sale_id = serializers.UUIDField(help_text="The execution that sold.")
    lot_id = serializers.UUIDField(help_text="The execution that bought.")


class BoxTotalsSerializer(serializers.Serializer[Any]):
    """The sums of one box, as they go to Schedule D."""

    part = ChoiceField(PARTS)
    box = ChoiceField(BOXES)
    proceeds = MoneyField()
    cost_basis = MoneyField()
    adjustment = MoneyField()
    gain = MoneyField()


class Form8949Serializer(serializers.Serializer[Any]):
    year = serializers.IntegerField()
    lot_method = ChoiceField([method.value for method in LotMethod])
    results = Form8949LineSerializer(many=True, help_text="In the order of the sales.")
    totals = BoxTotalsSerializer(many=True, help_text="One for each box that has lines.")
