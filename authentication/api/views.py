"""`/api/auth/`: each view reads the clock and the request, and makes one call into the domain."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from authentication import registration, sessions, step_up
from authentication.api import caller, examples, factor_examples, origin
from authentication.api.factor_serializers import SecondFactorAskedSerializer
from authentication.api.serializers import (
    LoginSerializer,
    MailSentSerializer,
    PasswordChangeSerializer,
    ProfileSerializer,
    RefreshTokenSerializer,
    RegisterSerializer,
    SessionSerializer,
    TokensSerializer,
    UserSerializer,
)
from authentication.models import Session
from be.api.auto_schema import problems
from be.api.json_answers import answer
from be.api.strict_requests import StrictView
from be.kernel import identifiers

TAGS = ["Authentication"]
SIGNED_IN_OR_ASKED = PolymorphicProxySerializer(
    component_name="SignIn",
    serializers=[TokensSerializer, SecondFactorAskedSerializer],
    resource_type_field_name=None,
)
# Made once: each new serializer makes all its fields anew.
USER = UserSerializer()


class PublicView(StrictView):
    """Open to all: an Authorization header, valid or not, is ignored."""

    authentication_classes = []
    permission_classes = []


class RegisterView(PublicView):
    @extend_schema(
        operation_id="auth_register",
        summary="Register and sign in",
        description=(
            "A link that verifies the e-mail is mailed. Where it has to be opened before the first "
            "sign-in (`REQUIRE_VERIFIED_EMAIL`, the default in production), the answer is a 202 "
            "without tokens, the same for a free and a taken e-mail, whose owner gets a mail that "
            "says so. Elsewhere it is a 201 with tokens, and a taken e-mail is refused. Five "
            "registrations an hour with one e-mail, or too many from one address, close it for a "
            "while (429, `Retry-After`)."
        ),
        tags=TAGS,
        request=RegisterSerializer,
        responses={
            201: TokensSerializer,
            202: MailSentSerializer,
            **problems(400, 422, 429, 503),
        },
        examples=[
            examples.REGISTER,
            examples.tokens("201"),
            examples.VERIFICATION_SENT,
            examples.REGISTRATION_REFUSED,
            examples.TOO_MANY_REGISTRATIONS,
        ],
    )
    def post(self, request: Request) -> Response:
        tokens = registration.sign_up(
            **{"first_name": "", "last_name": "", **valid(RegisterSerializer, request)},
            **origin.of(request),
            now=timezone.now(),
        )
        if tokens is None:
            return Response({"status": "verification_sent"}, status=202)
        return token_response(tokens, status=201)


class LoginView(PublicView):
    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        description=(
            "Ten wrong passwords from one address within 15 minutes, or 19 from anywhere, close "
            "the account to further tries for a while (429, `Retry-After`). Who has a second "
            "factor gets no tokens yet, but a `factor_token` for `login/factor/`. With the right "
            "password, an e-mail that still has to be verified is a 403."
        ),
        tags=TAGS,
        request=LoginSerializer,
        responses={200: SIGNED_IN_OR_ASKED, **problems(400, 401, 403, 429, 503)},
        examples=[
            examples.LOGIN,
            examples.tokens("200"),
            factor_examples.SECOND_FACTOR_ASKED,
            examples.INVALID_CREDENTIALS,
            examples.EMAIL_NOT_VERIFIED,
            examples.TOO_MANY_ATTEMPTS,
        ],
    )
    def post(self, request: Request) -> Response:
        result = sessions.log_in(
            **valid(LoginSerializer, request), **origin.of(request), now=timezone.now()
        )
        if isinstance(result, sessions.Tokens):
            return token_response(result, status=200)
        document = SecondFactorAskedSerializer({**asdict(result), "second_factor_required": True})
        return Response(document.data, headers={"Cache-Control": "no-store"})


class RefreshView(PublicView):
    @extend_schema(
        operation_id="auth_refresh",
        summary="Exchange a refresh token for new tokens",
        description=(
            "A refresh token works once. Sending it again, or twice at the same time, ends the "
            "session with all its tokens. Where the server is set so (`REFRESH_GRACE_SECONDS`), a "
            "repeat from the same address and agent within that time, as after a lost answer, gets "
            "the same new tokens; the default is none."
        ),
        tags=TAGS,
        request=RefreshTokenSerializer,
        responses={200: TokensSerializer, **problems(400, 401, 503)},
        examples=[examples.REFRESH_TOKEN, examples.tokens("200"), examples.INVALID_TOKEN],
    )
    def post(self, request: Request) -> Response:
        tokens = sessions.refresh(
            **valid(RefreshTokenSerializer, request), **origin.of(request), now=timezone.now()
        )
        return token_response(tokens, status=200)


class LogoutView(PublicView):
    @extend_schema(
        operation_id="auth_logout",
        summary="Sign out",
        description="Ends the session of this refresh token. Signing out twice is no error.",
        tags=TAGS,
        request=RefreshTokenSerializer,
        responses={204: None, **problems(400, 401, 503)},
        examples=[examples.REFRESH_TOKEN, examples.INVALID_TOKEN],
    )
    def post(self, request: Request) -> Response:
        sessions.log_out(**valid(RefreshTokenSerializer, request), now=timezone.now())
        return Response(status=204)


class MeView(StrictView):
    @extend_schema(
        operation_id="auth_me",
        summary="The signed-in user",
        tags=TAGS,
        responses={200: UserSerializer, **problems(401, 503)},
        examples=[examples.ME, examples.INVALID_TOKEN],
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(request, USER.to_representation(caller.user(request)))

    @extend_schema(
        operation_id="auth_me_update",
        summary="Change first and last name",
        description="Only the names can be changed here; other fields are refused.",
        tags=TAGS,
        request=ProfileSerializer,
        responses={200: UserSerializer, **problems(400, 401, 503)},
        examples=[examples.PROFILE, examples.ME, examples.INVALID_TOKEN],
    )
    def patch(self, request: Request) -> HttpResponse:
        user = registration.rename(user=caller.user(request), **valid(ProfileSerializer, request))
        return answer(request, USER.to_representation(user))


class PasswordView(StrictView):
    @extend_schema(
        operation_id="auth_password_change",
        summary="Change the password",
        description=(
            "Ends every session of the user, this one included: sign in again. Who has a second "
            "factor steps up first."
        ),
        tags=TAGS,
        request=PasswordChangeSerializer,
        responses={204: None, **problems(400, 401, 403, 422, 429, 503)},
        examples=[
            examples.PASSWORD_CHANGE,
            factor_examples.STEP_UP_REQUIRED,
            examples.INVALID_TOKEN,
            examples.TOO_MANY_ATTEMPTS,
        ],
    )
    def post(self, request: Request) -> Response:
        body, now = valid(PasswordChangeSerializer, request), timezone.now()
        step_up.require(caller.grant(request), now=now)
        sessions.change_password(
            user=caller.user(request), **body, ip_address=origin.ip_address_of(request), now=now
        )
        return Response(status=204)


@extend_schema_view(
    get=extend_schema(
        operation_id="auth_sessions",
        summary="Where am I signed in",
        tags=TAGS,
        responses={200: SessionSerializer, **problems(400, 401, 503)},
        examples=[examples.SESSION_LISTED, examples.INVALID_TOKEN],
    )
)
class SessionsView(StrictView, ListAPIView[Session]):
    serializer_class = SessionSerializer
    queryset = Session.objects.none()

    def get_queryset(self) -> QuerySet[Session]:
        if getattr(self, "swagger_fake_view", False):
            return Session.objects.none()
        return sessions.live_of(user=caller.user(self.request), now=timezone.now())


class SessionView(StrictView):
    @extend_schema(
        operation_id="auth_session_end",
        summary="End one session",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "id", UUID, OpenApiParameter.PATH, description="The id of the session."
            )
        ],
        responses={204: None, **problems(401, 404, 503)},
        examples=[examples.INVALID_TOKEN],
    )
    def delete(self, request: Request, id: str) -> Response:
        session_id = identifiers.parse(id)
        sessions.end_session(user=caller.user(request), session_id=session_id, now=timezone.now())
        return Response(status=204)


def valid(kind: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """The body of a request, checked. Raises ValidationError."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def token_response(tokens: sessions.Tokens, *, status: int) -> Response:
    """The response with tokens; no cache may store it (RFC 6749 section 5.1)."""
    return Response(
        TokensSerializer(tokens).data, status=status, headers={"Cache-Control": "no-store"}
    )
