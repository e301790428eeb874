"""Fields for the portfolio's figures: each kind has its own number of decimals."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from be.api.fields import ANSWER_DECIMAL, FieldWithUnit
from be.kernel import units
from be.kernel.formats import plain, price_text, time_text


def fixed(value: Decimal | float, places: int) -> str:
    """The number in plain notation with so many decimals. What rounds to zero has no sign."""
    text = f"{value:.{places}f}"
    return text if text[0] != "-" or text.strip("-0.") else text[1:]


class _FixedDecimalField(serializers.ReadOnlyField):
    """A number as a string in plain notation with a fixed number of decimals."""

    places: ClassVar[int]

    def to_representation(self, value: Decimal | float) -> str:
        return fixed(value, self.places)


@extend_schema_field({**ANSWER_DECIMAL, "example": "1912.50"})
class MoneyField(_FixedDecimalField):
    """US dollars."""

    places = 2


@extend_schema_field({**ANSWER_DECIMAL, "example": "2.0412"})
class PercentField(FieldWithUnit, _FixedDecimalField):
    """A percentage: "2.0412" is 2.0412 %."""

    unit = units.PERCENT
    places = 4


@extend_schema_field({**ANSWER_DECIMAL, "example": "88.10"})
class SharePercentField(FieldWithUnit, _FixedDecimalField):
    """A percentage of a whole whose parts sum to 100.00."""

    unit = units.PERCENT
    places = 2


@extend_schema_field({**ANSWER_DECIMAL, "example": "0.082113"})
class FractionField(FieldWithUnit, _FixedDecimalField):
    """A fraction: "0.082113" is 8.2113 %."""

    unit = units.FRACTION
    places = 6


@extend_schema_field({**ANSWER_DECIMAL, "example": "1.082113"})
class RatioField(FieldWithUnit, _FixedDecimalField):
    """A ratio that is neither a percentage nor a fraction of a whole."""

    unit = units.NUMBER
    places = 6


@extend_schema_field({**ANSWER_DECIMAL, "example": "1.5"})
class QuantityField(serializers.ReadOnlyField):
    """Shares, coins, or dollars of a bond's face value."""

    def to_representation(self, value: Decimal) -> str:
        return plain(value)


@extend_schema_field({**ANSWER_DECIMAL, "example": "191.25"})
class PriceField(serializers.ReadOnlyField):
    """A price of `row.instrument`, with at least the decimals of its price increment."""

    def get_attribute(self, instance: Any) -> str | None:
        price: Decimal | None = super().get_attribute(instance)
        return None if price is None else price_text(price, instance.instrument.price_increment)


@extend_schema_field({"type": "string", "format": "date-time"})
class TimeField(serializers.ReadOnlyField):
    """RFC 3339 in UTC."""

    def to_representation(self, value: datetime) -> str:
        return time_text(value)
