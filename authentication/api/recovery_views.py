"""`/api/auth/email/` and `/api/auth/password/reset/`: what is done by links in mails."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authentication import recovery, step_up
from authentication.api import caller, examples, factor_examples, origin
from authentication.api.serializers import (
    EmailSerializer,
    LinkSerializer,
    NewEmailSerializer,
    PasswordResetSerializer,
)
from authentication.api.views import TAGS, PublicView, valid
from be.api.auto_schema import problems
from be.api.strict_requests import StrictView

MAILED = (
    "The answer is the same whether or not somebody has this e-mail, and takes the same time. "
    "Five an hour for one e-mail, or too many from one address, are refused for a while (429, "
    "`Retry-After`). A server that sends no mail says so (422, `sends_no_mail`)."
)


class VerifyView(PublicView):
    @extend_schema(
        operation_id="auth_email_verify",
        summary="Verify an e-mail",
        description=(
            "Takes the token of a link that was mailed: after registering, or to a new e-mail, "
            "which replaces the old one by it. A link works once, for a few days, and only while "
            "the user has the same e-mail and password."
        ),
        tags=TAGS,
        request=LinkSerializer,
        responses={204: None, **problems(400, 422, 503)},
        examples=[examples.LINK, examples.INVALID_LINK],
    )
    def post(self, request: Request) -> Response:
        recovery.verify(**valid(LinkSerializer, request), now=timezone.now())
        return Response(status=204)


class ResendView(PublicView):
    @extend_schema(
        operation_id="auth_email_resend",
        summary="Mail the link that verifies an e-mail again",
        description=f"Mailed to whoever has this e-mail, unless it is verified. {MAILED}",
        tags=TAGS,
        request=EmailSerializer,
        responses={202: None, **problems(400, 422, 429, 503)},
        examples=[examples.EMAIL, examples.SENDS_NO_MAIL, examples.TOO_MANY_MAILS],
    )
    def post(self, request: Request) -> Response:
        recovery.request_verification(
            **valid(EmailSerializer, request),
            ip_address=origin.ip_address_of(request),
            now=timezone.now(),
        )
        return Response(status=202)


class ResetView(PublicView):
    @extend_schema(
        operation_id="auth_password_reset",
        summary="Ask for a new password",
        description=f"Mails a link to whoever has this e-mail. {MAILED}",
        tags=TAGS,
        request=EmailSerializer,
        responses={202: None, **problems(400, 422, 429, 503)},
        examples=[examples.EMAIL, examples.SENDS_NO_MAIL, examples.TOO_MANY_MAILS],
    )
    def post(self, request: Request) -> Response:
        recovery.request_reset(
            **valid(EmailSerializer, request),
            ip_address=origin.ip_address_of(request),
            now=timezone.now(),
        )
        return Response(status=202)


class ResetConfirmView(PublicView):
    @extend_schema(
        operation_id="auth_password_reset_confirm",
        summary="Choose a new password",
        description=(
            "Takes the token of a link that was mailed. It works once, for an hour, and only while "
            "the user has the same e-mail and password. Ends every session; the e-mail counts as "
            "verified. A password that is refused leaves the link as it is."
        ),
        tags=TAGS,
        request=PasswordResetSerializer,
        responses={204: None, **problems(400, 422, 503)},
        examples=[examples.PASSWORD_RESET, examples.INVALID_LINK],
    )
    def post(self, request: Request) -> Response:
        recovery.reset_password(
            **valid(PasswordResetSerializer, request),
            ip_address=origin.ip_address_of(request),
            now=timezone.now(),
        )
        return Response(status=204)


class EmailView(StrictView):
    @extend_schema(
        operation_id="auth_email_change",
        summary="Change the e-mail",
        description=(
            "Mails a link to the new e-mail, which replaces the old one once the link is opened "
            "(`email/verify/`); the old one gets a notice then. An e-mail that somebody else has "
            "gets no mail, and the answer does not say so."
        ),
        tags=TAGS,
        request=NewEmailSerializer,
        responses={202: None, **problems(400, 401, 403, 422, 429, 503)},
        examples=[
            examples.NEW_EMAIL,
            factor_examples.STEP_UP_REQUIRED,
            examples.SENDS_NO_MAIL,
            examples.TOO_MANY_MAILS,
        ],
    )
    def post(self, request: Request) -> Response:
        body, now = valid(NewEmailSerializer, request), timezone.now()
        step_up.require(caller.grant(request), now=now)
        recovery.request_new_email(
            user=caller.user(request),
            new_email=body["email"],
            current_password=body["current_password"],
            ip_address=origin.ip_address_of(request),
            now=now,
        )
        return Response(status=202)
