"""The OpenAPI schema of views: their problems, parameters and bodies."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from be.api.strict_requests import Body


class ProblemErrorSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="The input at fault; nested ones are joined by dots.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="A URN that names the kind of problem.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable and machine-readable.")
    detail = serializers.CharField(help_text="What happened here, and what to do next.")
    request_id = serializers.CharField()
    errors = ProblemErrorSerializer(many=True)  # type: ignore[assignment]  # a field, as DRF has it


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$", "maxLength": 255},
    OpenApiParameter.HEADER,
    description=(
        "Any unique string of up to 255 printable ASCII characters. The same key and body are "
        "carried out once; the answer is repeated with `Idempotency-Replayed: true`."
    ),
)


def problems(*statuses: int) -> dict[tuple[int, str], Any]:
    """Responses for `extend_schema(responses={…, **problems(404, 422)})`."""
    return {(status, "application/problem+json"): ProblemSerializer for status in (*statuses,)}


class ProblemAutoSchema(AutoSchema):
    """Adds the problems that any operation can answer with; leaves out docstrings of views.

    Views ask it which parameters a call has, and refuse others (be/api/strict_requests.py).
    """

    def query_names(self) -> frozenset[str]:
        """The names of the query parameters of this call."""
        names = {each["name"] for each in self._get_pagination_parameters()}  # type: ignore[no-untyped-call]
        for each in self.get_override_parameters():
            if not isinstance(each, OpenApiParameter):
                names |= set(force_instance(each).fields)  # type: ignore[no-untyped-call]
            elif each.location == OpenApiParameter.QUERY:
                names.add(each.name)
        return frozenset(names)

    def reads_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH") and self.get_request_serializer() is not None

    def get_description(self) -> str:  # type: ignore[override]  # as in drf-spectacular
        """Only the description of `extend_schema`, and no docstring of a view."""
        return ""

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """Forbid other fields in bodies, and leave out inherited docstrings.

        The docstring of a serializer itself is for clients.
        """
        instance = force_instance(serializer)  # type: ignore[no-untyped-call]
        shape: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(instance, Body):
            shape["additionalProperties"] = False
        if not vars(type(instance)).get("__doc__"):
            shape.pop("description", None)
        return shape

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._common_problems():
            if str(status) not in bodies:
                bodies[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    ProblemSerializer, str(status), ["application/problem+json"], direction
                )
        return dict(sorted(bodies.items()))

    def _common_problems(self) -> list[int]:
        common = [400, 405, 406, 500, 503]
        if any(self.get_auth()):
            common += [401, 403]
        if self.method in ("POST", "PATCH", "PUT"):
            common += [413, 415]
        if "{" in self.path:
            common.append(404)
        return common
