"""`Authorization: Bearer <access token or API key>`."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from authentication import access
from authentication.grants import AccessGrant
from authentication.models import User
from authentication.rules import scopes
from authentication.tokens import InvalidToken


class BearerAuthentication(BaseAuthentication):
    """Sets `request.user`, and `request.auth` to the AccessGrant.

    Without a bearer token the request is anonymous (`not_authenticated` where a user is required).
    With an invalid one it is refused (`invalid_token`). A view whose answers are the same for
    everybody says so by `is_same_for_everybody`: for it a check of the last second is enough.
    An API key is refused here what its scopes do not allow.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessGrant] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        if not token:
            raise InvalidToken
        check = access.authenticate
        if getattr(request.parser_context.get("view"), "is_same_for_everybody", False):
            check = access.authenticate_reader
        address = request.META.get("REMOTE_ADDR", "")
        grant = check(token.strip(), address=address, now=timezone.now())
        access.require(grant, method=request.method or "", path=request.path_info)
        return grant.user, grant

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes BearerAuthentication in the schema. Imported whenever that class is.

    An operation takes an access token, or an API key with the scope that it names; those that no
    API key may ask for name the token alone.
    """

    target_class = "authentication.api.bearer.BearerAuthentication"
    name = ["bearerAuth", "apiKeyAuth"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        needed = scopes.needed(auto_schema.method, auto_schema.path)
        by_key = [] if needed is None else [{"apiKeyAuth": [str(needed)]}]
        return [{"bearerAuth": []}, *by_key]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token: sign in, or refresh.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "<key_id>.<secret>",
                "description": "An API key with the scope that the operation names.",
            },
        ]
