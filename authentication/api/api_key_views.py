"""`/api/auth/api-keys/`: making, naming and revoking the keys of one's programs."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from authentication import api_keys, step_up
from authentication.api import caller, examples, factor_examples
from authentication.api.api_key_serializers import (
    ApiKeyNameSerializer,
    ApiKeySerializer,
    NewApiKeyAnswerSerializer,
    NewApiKeySerializer,
)
from authentication.models import ApiKey
from authentication.rules.scopes import Scope
from be.api.auto_schema import problems
from be.api.strict_requests import StrictView
from be.kernel import identifiers

TAGS = ["Authentication"]
KEY = ApiKeySerializer()
KEY_ID = OpenApiParameter("id", UUID, OpenApiParameter.PATH, description="The id of the key.")


@extend_schema_view(
    get=extend_schema(
        operation_id="auth_api_keys",
        summary="List API keys",
        description="Keys that were not revoked, newest first; those that have expired among them.",
        tags=TAGS,
        responses={200: ApiKeySerializer, **problems(400, 401, 403, 503)},
        examples=[examples.API_KEY_LISTED, examples.SESSION_REQUIRED],
    )
)
class ApiKeysView(StrictView, ListAPIView[ApiKey]):
    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> QuerySet[ApiKey]:
        if getattr(self, "swagger_fake_view", False):
            return ApiKey.objects.none()
        return api_keys.live_of(user=caller.user(self.request))

    @extend_schema(
        operation_id="auth_api_key_create",
        summary="Make an API key",
        description=(
            "For a program that acts for you, on REST and on the WebSocket: it sends "
            "`Authorization: Bearer <key_id>.<secret>`, and neither signs in nor refreshes. The "
            "answer alone has the secret. A key survives a change of your password; it ends when "
            f"you revoke it. You may have {api_keys.MAX_KEYS}. Who has a second factor steps up "
            "first."
        ),
        tags=TAGS,
        request=NewApiKeySerializer,
        responses={201: NewApiKeyAnswerSerializer, **problems(400, 401, 403, 409, 503)},
        examples=[
            examples.NEW_API_KEY,
            examples.API_KEY_MADE,
            examples.SESSION_REQUIRED,
            factor_examples.STEP_UP_REQUIRED,
        ],
    )
    def post(self, request: Request) -> Response:
        serializer = NewApiKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        now = timezone.now()
        step_up.require(caller.grant(request), now=now)
        wanted: dict[str, Any] = serializer.validated_data
        made = api_keys.make(
            user=caller.user(request),
            name=wanted["name"],
            scopes={Scope(scope) for scope in wanted["scopes"]},
            addresses=wanted.get("addresses", []),
            expires_at=wanted.get("expires_at"),
            now=now,
        )
        document = {**KEY.to_representation(made.key), "secret": made.secret}
        return Response(document, status=201, headers={"Cache-Control": "no-store"})


class ApiKeyView(StrictView):
    @extend_schema(
        operation_id="auth_api_key_rename",
        summary="Rename an API key",
        description="What a key may do stays as it was made: for other scopes make another key.",
        tags=TAGS,
        parameters=[KEY_ID],
        request=ApiKeyNameSerializer,
        responses={200: ApiKeySerializer, **problems(400, 401, 403, 404, 503)},
        examples=[examples.API_KEY_NAME, examples.API_KEY, examples.SESSION_REQUIRED],
    )
    def patch(self, request: Request, id: str) -> Response:
        serializer = ApiKeyNameSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key = api_keys.rename(
            user=caller.user(request),
            id=identifiers.parse(id),
            name=serializer.validated_data["name"],
            now=timezone.now(),
        )
        return Response(KEY.to_representation(key))

    @extend_schema(
        operation_id="auth_api_key_revoke",
        summary="Revoke an API key",
        description=(
            "At once: requests with it are refused, and its sockets are closed. Who has a second "
            "factor steps up first."
        ),
        tags=TAGS,
        parameters=[KEY_ID],
        responses={204: None, **problems(401, 403, 404, 503)},
        examples=[examples.SESSION_REQUIRED, factor_examples.STEP_UP_REQUIRED],
    )
    def delete(self, request: Request, id: str) -> Response:
        now = timezone.now()
        step_up.require(caller.grant(request), now=now)
        api_keys.revoke(user=caller.user(request), id=identifiers.parse(id), now=now)
        return Response(status=204)
