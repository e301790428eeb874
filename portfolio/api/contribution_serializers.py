"""The shape of the answer of `contribution/`."""

from typing import Any

from rest_framework import serializers

from be.api.fields import ChoiceField
from portfolio.api.fields import FractionField, MoneyField, TimeField
from portfolio.api.serializers import ALLOCATED_CLASSES


class EarnedSerializer(serializers.Serializer[Any]):
    """What a part of the account has earned."""

    contribution = FractionField(
        allow_null=True,
        help_text="Its part of the time-weighted return. They add up to it exactly; for that, one "
        "may differ by a millionth from what it is.",
    )
    gain = MoneyField(help_text="`market_gain` and `income` less `fees`.")
    market_gain = MoneyField(help_text="By its price and its trades, accrued interest included.")
    income = MoneyField(help_text="Dividends and coupons, less what was taken back.")
    fees = MoneyField(help_text="Of its trades.")


class InstrumentEarnedSerializer(EarnedSerializer):
    symbol = serializers.CharField(help_text="USD for cash.")
    name = serializers.CharField()
    asset_class = serializers.CharField(help_text=ALLOCATED_CLASSES)


class ClassEarnedSerializer(EarnedSerializer):
    asset_class = serializers.CharField(help_text=ALLOCATED_CLASSES)


class LinkingSerializer(serializers.Serializer[Any]):
    """How figures were computed, where textbooks differ."""

    time_weighted_return = ChoiceField(
        ("valued_at_each_flow",), help_text="The account is valued at each deposit and withdrawal."
    )
    contribution = ChoiceField(
        ("grap",),
        help_text="How contributions are linked over time: what one dollar, there from the start "
        "and left alone, has earned by it (GRAP, 1997).",
    )


class ExposureSerializer(serializers.Serializer[Any]):
    """What is not in cash, as a fraction of equity; null while the account is worth nothing."""

    time = TimeField()
    invested = FractionField(allow_null=True)
    by_asset_class = serializers.DictField(child=FractionField(allow_null=True))


class ContributionSerializer(serializers.Serializer[Any]):
    """Gains are in the same dollars, and the return the same, as in `performance/`."""

    period = serializers.CharField()
    start = TimeField(
        allow_null=True, help_text="When the account was opened, if that is in the period."
    )
    end = TimeField(allow_null=True)
    gain = MoneyField(allow_null=True, help_text="What equity rose by beyond net deposits.")
    market_gain = MoneyField(allow_null=True)
    income = MoneyField(allow_null=True)
    fees = MoneyField(allow_null=True)
    time_weighted_return = FractionField(allow_null=True, help_text="Of the whole period.")
    by_instrument = InstrumentEarnedSerializer(many=True)
    by_asset_class = ClassEarnedSerializer(many=True)
    conventions = LinkingSerializer()
    reasons = serializers.DictField(
        child=serializers.CharField(), help_text="Why a figure is null, by its name."
    )
    exposure = ExposureSerializer(many=True)
