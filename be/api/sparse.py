"""Bodies with many fields, of which most requests have a few."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError


class SparseSerializer(serializers.Serializer[Any]):
    """Looks at the fields that a JSON body has or must have, as DRF looks at all of them.

    For bodies of JSON only. Its fields have no defaults, no other source than their name, and no
    `validate_` methods.
    """

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # which refuses it
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, field in self.fields.items():
            if name not in data and not field.required:
                continue
            try:
                values[name] = field.run_validation(field.get_value(data))
            except ValidationError as error:
                errors[name] = error.detail
        if errors:
            raise ValidationError(errors)
        return values
