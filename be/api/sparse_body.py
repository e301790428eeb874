"""A serializer for bodies with many fields, of which most requests have a few."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from be.api.strict_requests import Body, refuse_numbers_for_texts, refuse_unknown_fields


class SparseBody(Body):
    """Validates only the fields that the body has or must have, where DRF goes through all of them.

    For JSON only. Its fields have no defaults, no other source than their name, and no `validate_`
    methods.
    """

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)  # refuses it
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        left = len(data)
        for name, field in self.fields.items():
            if name in data:
                left -= 1
            elif not field.required:
                continue
            try:
                values[name] = field.run_validation(field.get_value(data))
            except ValidationError as error:
                errors[name] = error.detail
        if left:
            refuse_unknown_fields(data, self.fields)
        refuse_numbers_for_texts(data, self.fields)
        if errors:
            raise ValidationError(errors)
        return values
