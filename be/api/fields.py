"""Serializer fields that parse strictly, and whose errors say what is accepted."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from be.kernel import units
from be.kernel.formats import plain
from be.kernel.numbers import whole_number

MAX_DECIMALS = 18
# How much of a refused word the error shows.
MAX_LETTERS_SHOWN = 40
# RFC 3339, section 5.6: whole date, whole time, and how far it is from UTC.
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
PLAIN_NOTATION = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)

# Schemas of decimals in requests and in answers. Those in requests are positive too, which no
# simple pattern says.
REQUEST_DECIMAL = {
    "type": "string",
    "format": "decimal",
    "pattern": r"^[0-9]{1,18}(\.[0-9]{1,18})?$",
    "maxLength": 37,
}
ANSWER_DECIMAL = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}


def _is_written_plainly(number: Decimal) -> bool:
    """False for an exponent, as in 1e2: written out, 1e999999999 would fill the memory."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -MAX_DECIMALS <= exponent <= 0


class TrueOrFalseField(serializers.BooleanField):
    """True or false in a JSON body; no number or word that stands for one, as 1 or "yes"."""

    default_error_messages = {"invalid": "Send true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


@extend_schema_field({**REQUEST_DECIMAL, "example": "191.25"})
class PositiveDecimalField(serializers.Field[Decimal, Any, str, Any]):
    """A positive number in plain notation, as a string ("1.5") or a JSON number (1.5).

    Signs, exponents, separators, NaN and digits that are not ASCII are refused: an amount must not
    have two readings.
    """

    default_error_messages = {
        "invalid": 'Send a positive number in plain notation, such as "1.5".',
    }

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, str | int | Decimal):
            self.fail("invalid")
        if isinstance(data, Decimal) and not _is_written_plainly(data):
            self.fail("invalid")
        text = f"{data:f}" if isinstance(data, Decimal) else str(data)
        if not PLAIN_NOTATION.fullmatch(text):
            self.fail("invalid")
        value = Decimal(text)
        if value <= 0:
            self.fail("invalid")
        return value

    def to_representation(self, value: Decimal) -> str:
        return plain(value)


class WholeNumberField(serializers.IntegerField):
    """A whole number in a query, from `min_value` to `max_value`."""

    default_error_messages = {"range": "Send a whole number from {least} to {most}."}

    def __init__(self, *, min_value: int, max_value: int, **kwargs: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **kwargs)
        self._least, self._most = min_value, max_value

    def to_internal_value(self, data: Any) -> int:
        value = whole_number(str(data), least=self._least, most=self._most)
        if value is None:
            self.fail("range", least=self._least, most=self._most)
        return value


class TimeField(serializers.DateTimeField):
    """A time in RFC 3339. DRF's field takes week dates, lone dates and digits of any script too."""

    default_error_messages = {
        "invalid": "Send a date, a time and its distance from UTC: 2026-03-02T14:30:00Z or "
        "2026-03-02T09:30:00-05:00 (in an address, + is %2B).",
    }

    def to_internal_value(self, value: Any) -> datetime:
        text = value.upper() if isinstance(value, str) else ""
        if not MOMENT.fullmatch(text):
            self.fail("invalid")
        return super().to_internal_value(text)


class ChoiceField(serializers.ChoiceField):
    """One of several words; the error for another one lists them."""

    default_error_messages = {"invalid_choice": "There is no {input}; send one of {choices}."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choice_strings_to_values:
            choices = ", ".join(map(str, self.choices))
            self.fail("invalid_choice", input=repr(data)[:MAX_LETTERS_SHOWN], choices=choices)
        return self.choice_strings_to_values[data]


@extend_schema_field({**ANSWER_DECIMAL, "example": "191.25"})
class PlainDecimalField(serializers.ReadOnlyField):
    """A Decimal as a string in plain notation."""

    def to_representation(self, value: Decimal | None) -> str | None:
        return None if value is None else plain(value)


class FieldWithUnit(serializers.Field[Any, Any, Any, Any]):
    """A ratio, whose description in the schema ends with its unit."""

    unit: ClassVar[str]

    def __init__(self, *, help_text: str = "", **kwargs: Any) -> None:
        super().__init__(help_text=units.described(help_text, self.unit), **kwargs)


@extend_schema_field({**ANSWER_DECIMAL, "example": "2.0412"})
class PercentField(FieldWithUnit, PlainDecimalField):
    """A percentage."""

    unit = units.PERCENT


@extend_schema_field({**ANSWER_DECIMAL, "example": "0.045"})
class FractionField(FieldWithUnit, PlainDecimalField):
    """A fraction."""

    unit = units.FRACTION


@extend_schema_field({**REQUEST_DECIMAL, "example": "2.5"})
class PositivePercentField(FieldWithUnit, PositiveDecimalField):
    """A percentage in a request."""

    unit = units.PERCENT


@extend_schema_field({**ANSWER_DECIMAL, "example": "0.0425"})
class OptionalFractionField(FieldWithUnit, PositiveDecimalField):
    """A fraction that some answers leave out."""

    unit = units.FRACTION
