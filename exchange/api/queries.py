"""Reading query parameters through a serializer: a bad one is a 400 that names it."""

from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


def read(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The valid parameters, with defaults filled in."""
    return dict(_made(kind).run_validation(request.query_params.dict()))


@cache
def _made(kind: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """One of this kind for all requests: a new one copies its fields, dearer than to validate."""
    return kind()
