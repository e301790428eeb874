"""`Authorization: Bearer <access token>`."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from authentication import sessions
from authentication.models import User
from authentication.sessions import AccessGrant
from authentication.tokens import InvalidToken


class BearerAuthentication(BaseAuthentication):
    """Sets `request.user`, and `request.auth` to the AccessGrant.

    Without a bearer token the request is anonymous (`not_authenticated` where a user is required).
    With an invalid one it is refused (`invalid_token`). A view whose answers are the same for
    everybody says so by `is_same_for_everybody`: for it a check of the last second is enough.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessGrant] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        if not token:
            raise InvalidToken
        check = sessions.authenticate_access
        if getattr(request.parser_context.get("view"), "is_same_for_everybody", False):
            check = sessions.authenticate_reader
        grant = check(token.strip(), timezone.now())
        return grant.user, grant

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes BearerAuthentication in the schema. Imported whenever that class is."""

    target_class = "authentication.api.bearer.BearerAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
