"""The OpenAPI schema of the shared kit: problem documents, pagination and clean operation ids."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers


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


PROBLEMS = {
    400: "The input is malformed.",
    401: "No valid access token.",
    404: "No such thing, or not yours.",
    409: "In conflict with the present state.",
    422: "Understood and refused; nothing moved.",
    429: "Too many requests; see Retry-After.",
    503: "Overloaded or a server is away; see Retry-After.",
}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
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
    """Adds the problems that every operation can answer with."""

    def get_response_serializers(self) -> Any:
        declared: Any = super().get_response_serializers()
        if not isinstance(declared, dict):
            success = "201" if self.method == "POST" else "200"
            declared = {success: declared}
        common = [503]
        if self.get_auth():
            common.append(401)
        if self.method in ("POST", "PATCH", "PUT") or self._is_list_view():
            common.append(400)
        return {**problems(*common), **declared}
