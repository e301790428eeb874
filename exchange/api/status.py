"""The public status of this server."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from be.api.strict_requests import StrictView
from exchange.api import health, serializers


@extend_schema(tags=["Status"])
class StatusView(StrictView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="status_retrieve",
        summary="Whether this server can do its work",
        responses={
            200: serializers.StatusSerializer,
            (503, "application/json"): OpenApiResponse(
                serializers.StatusSerializer, description="No database: nothing works."
            ),
        },
    )
    def get(self, request: Request) -> Response:
        document = health.check(now=timezone.now())
        down = document["status"] == health.DOWN
        return Response(
            document,
            status=503 if down else 200,
            headers={"Cache-Control": "no-store", **({"Retry-After": "5"} if down else {})},
        )
