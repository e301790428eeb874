"""Reading query parameters through a serializer: a bad one is a 400 that names it."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


def read(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The valid parameters, with defaults filled in."""
    query = kind(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)
