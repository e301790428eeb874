"""`/api/auth/` of second factors: setting them up, signing in by them, stepping up."""

from typing import Any
from uuid import UUID

import segno
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from authentication import factors, passkeys, sign_in, step_up, totp
from authentication.api import caller, examples, factor_examples, origin
from authentication.api.factor_serializers import (
    AddedPasskeySerializer,
    CodeSerializer,
    FactorsSerializer,
    NewPasskeySerializer,
    NewSecretSerializer,
    PasskeyOptionsSerializer,
    PasskeySerializer,
    PasskeySignInOptionsSerializer,
    PasskeySignInSerializer,
    RecoveryCodesSerializer,
    SecondFactorSerializer,
    SteppedUpSerializer,
    StepUpSerializer,
)
from authentication.api.serializers import TokensSerializer
from authentication.api.views import TAGS, PublicView, token_response, valid
from authentication.factors import Proof
from be.api.auto_schema import problems
from be.api.strict_requests import StrictView
from be.kernel import identifiers

SECRET = {"Cache-Control": "no-store"}
CHANGES = "Needs a step-up of the last five minutes, by the password where there is no factor yet."


class SecondFactorView(PublicView):
    @extend_schema(
        operation_id="auth_login_factor",
        summary="Sign in: the second factor",
        description=(
            "With the `factor_token` of `login/` and a code, a recovery code or a passkey's "
            "answer. Each works once. Wrong ones count as wrong passwords do (429), and the right "
            "password does not clear them."
        ),
        tags=TAGS,
        request=SecondFactorSerializer,
        responses={200: TokensSerializer, **problems(400, 401, 422, 429, 503)},
        examples=[
            factor_examples.SECOND_FACTOR,
            examples.tokens("200"),
            factor_examples.INVALID_FACTOR_TOKEN,
            factor_examples.WRONG_FACTOR,
            examples.TOO_MANY_ATTEMPTS,
        ],
    )
    def post(self, request: Request) -> Response:
        body = valid(SecondFactorSerializer, request)
        tokens = sign_in.by_second_factor(
            factor_token=body["factor_token"],
            proof=_proof(body),
            **origin.of(request),
            now=timezone.now(),
        )
        return token_response(tokens, status=200)


class PasskeySignInView(PublicView):
    @extend_schema(
        operation_id="auth_login_passkey",
        summary="Sign in by a passkey alone",
        description="A passkey is two factors: the device, and the finger or PIN that opens it.",
        tags=TAGS,
        request=PasskeySignInSerializer,
        responses={200: TokensSerializer, **problems(400, 401, 422, 429, 503)},
        examples=[
            factor_examples.PASSKEY_ANSWER,
            examples.tokens("200"),
            factor_examples.WRONG_FACTOR,
        ],
    )
    def post(self, request: Request) -> Response:
        tokens = sign_in.by_passkey(
            **valid(PasskeySignInSerializer, request), **origin.of(request), now=timezone.now()
        )
        return token_response(tokens, status=200)


class PasskeySignInOptionsView(PublicView):
    @extend_schema(
        operation_id="auth_login_passkey_options",
        summary="Options for signing in by a passkey",
        description="With a `factor_token` as the second factor; without one by the passkey alone.",
        tags=TAGS,
        request=PasskeySignInOptionsSerializer,
        responses={200: PasskeyOptionsSerializer, **problems(400, 401, 429, 503)},
        examples=[factor_examples.REQUEST_OPTIONS, factor_examples.INVALID_FACTOR_TOKEN],
    )
    def post(self, request: Request) -> Response:
        options = sign_in.passkey_options(
            factor_token=valid(PasskeySignInOptionsSerializer, request).get("factor_token"),
            ip_address=origin.ip_address_of(request),
            now=timezone.now(),
        )
        return _secret(PasskeyOptionsSerializer({"public_key": options}).data, status=200)


class FactorsView(StrictView):
    @extend_schema(
        operation_id="auth_factors",
        summary="Show the second factors",
        tags=TAGS,
        responses={200: FactorsSerializer, **problems(401, 503)},
        examples=[factor_examples.FACTORS, examples.INVALID_TOKEN],
    )
    def get(self, request: Request) -> Response:
        grant, now = caller.grant(request), timezone.now()
        has = factors.overview(grant.user)
        document = {
            "second_factor": grant.user.has_second_factor,
            "totp": has.app,
            "passkeys": has.passkeys,
            "recovery_codes_left": has.recovery_codes_left,
            "stepped_up_until": step_up.stepped_up_until(grant, now=now),
        }
        return Response(FactorsSerializer(document).data)


class AuthenticatorAppView(StrictView):
    @extend_schema(
        operation_id="auth_totp_begin",
        summary="Set up an authenticator app: its secret",
        description=f"It counts once it is confirmed. {CHANGES}",
        tags=TAGS,
        request=None,
        responses={201: NewSecretSerializer, **problems(401, 403, 409, 503)},
        examples=[
            factor_examples.NEW_SECRET,
            factor_examples.STEP_UP_REQUIRED,
            examples.INVALID_TOKEN,
        ],
    )
    def post(self, request: Request) -> Response:
        now = timezone.now()
        step_up.require_of_everybody(caller.grant(request), now=now)
        secret = factors.begin_app(user=caller.user(request), now=now)
        uri = totp.uri(secret, user=caller.user(request))
        image = segno.make(uri, error="m").svg_data_uri(scale=5, border=3, light="white")
        document = {"secret": secret, "otpauth_uri": uri, "qr_code": image}
        return _secret(NewSecretSerializer(document).data, status=201)

    @extend_schema(
        operation_id="auth_totp_remove",
        summary="Remove the authenticator app",
        description=f"With the last factor the recovery codes go, too. {CHANGES}",
        tags=TAGS,
        responses={204: None, **problems(401, 403, 404, 503)},
        examples=[factor_examples.STEP_UP_REQUIRED, examples.INVALID_TOKEN],
    )
    def delete(self, request: Request) -> Response:
        now = timezone.now()
        step_up.require_of_everybody(caller.grant(request), now=now)
        factors.remove_app(user=caller.user(request), now=now)
        return Response(status=204)


class ConfirmAuthenticatorAppView(StrictView):
    @extend_schema(
        operation_id="auth_totp_confirm",
        summary="Set up an authenticator app: a code that it shows",
        description=f"The first factor brings ten recovery codes, shown this once. {CHANGES}",
        tags=TAGS,
        request=CodeSerializer,
        responses={200: RecoveryCodesSerializer, **problems(400, 401, 403, 409, 422, 503)},
        examples=[
            factor_examples.CODE,
            factor_examples.recovery_codes("200"),
            factor_examples.STEP_UP_REQUIRED,
            factor_examples.WRONG_FACTOR,
            examples.INVALID_TOKEN,
        ],
    )
    def post(self, request: Request) -> Response:
        grant, now = caller.grant(request), timezone.now()
        body = valid(CodeSerializer, request)
        step_up.require_of_everybody(grant, now=now)
        codes = factors.confirm_app(
            user=grant.user, session_id=step_up.session_of(grant), code=body["code"], now=now
        )
        return _secret(RecoveryCodesSerializer({"recovery_codes": codes}).data, status=200)


class RecoveryCodesView(StrictView):
    @extend_schema(
        operation_id="auth_recovery_codes_renew",
        summary="Make new recovery codes",
        description=f"The old ones work no more. {CHANGES}",
        tags=TAGS,
        request=None,
        responses={201: RecoveryCodesSerializer, **problems(401, 403, 409, 503)},
        examples=[
            factor_examples.recovery_codes("201"),
            factor_examples.STEP_UP_REQUIRED,
            examples.INVALID_TOKEN,
        ],
    )
    def post(self, request: Request) -> Response:
        now = timezone.now()
        step_up.require_of_everybody(caller.grant(request), now=now)
        codes = factors.renew_recovery_codes(user=caller.user(request), now=now)
        return _secret(RecoveryCodesSerializer({"recovery_codes": codes}).data, status=201)


class PasskeysView(StrictView):
    @extend_schema(
        operation_id="auth_passkeys_add",
        summary="Add a passkey",
        description=f"The first factor brings ten recovery codes, shown this once. {CHANGES}",
        tags=TAGS,
        request=NewPasskeySerializer,
        responses={201: AddedPasskeySerializer, **problems(400, 401, 403, 409, 422, 503)},
        examples=[
            factor_examples.NEW_PASSKEY,
            factor_examples.ADDED_PASSKEY,
            factor_examples.STEP_UP_REQUIRED,
            examples.INVALID_TOKEN,
        ],
    )
    def post(self, request: Request) -> Response:
        grant, now = caller.grant(request), timezone.now()
        body = valid(NewPasskeySerializer, request)
        step_up.require_of_everybody(grant, now=now)
        passkey, codes = factors.add_passkey(
            user=grant.user, session_id=step_up.session_of(grant), **body, now=now
        )
        document = {**PasskeySerializer(passkey).data, "recovery_codes": codes}
        return _secret(document, status=201)


class PasskeyOptionsView(StrictView):
    @extend_schema(
        operation_id="auth_passkeys_options",
        summary="Options for a new passkey",
        description=CHANGES,
        tags=TAGS,
        request=None,
        responses={200: PasskeyOptionsSerializer, **problems(401, 403, 409, 429, 503)},
        examples=[
            factor_examples.CREATION_OPTIONS,
            factor_examples.STEP_UP_REQUIRED,
            examples.INVALID_TOKEN,
        ],
    )
    def post(self, request: Request) -> Response:
        now = timezone.now()
        step_up.require_of_everybody(caller.grant(request), now=now)
        options = passkeys.creation_options(
            user=caller.user(request), ip_address=origin.ip_address_of(request), now=now
        )
        return _secret(PasskeyOptionsSerializer({"public_key": options}).data, status=200)


class PasskeyView(StrictView):
    @extend_schema(
        operation_id="auth_passkeys_remove",
        summary="Remove a passkey",
        description=f"With the last factor the recovery codes go, too. {CHANGES}",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "id", UUID, OpenApiParameter.PATH, description="The id of the passkey."
            )
        ],
        responses={204: None, **problems(401, 403, 404, 503)},
        examples=[factor_examples.STEP_UP_REQUIRED, examples.INVALID_TOKEN],
    )
    def delete(self, request: Request, id: str) -> Response:
        now = timezone.now()
        step_up.require_of_everybody(caller.grant(request), now=now)
        factors.remove_passkey(user=caller.user(request), passkey_id=identifiers.parse(id), now=now)
        return Response(status=204)


class StepUpView(StrictView):
    @extend_schema(
        operation_id="auth_step_up",
        summary="Prove again that it is you",
        description=(
            "By a code, a recovery code or a passkey; by the password only where there is no "
            "second factor. It counts for this session and five minutes. Withdrawals, unlinking a "
            "bank, API keys and changes of password and factors ask for it (403, "
            "`step_up_required`). Signing in counts, too."
        ),
        tags=TAGS,
        request=StepUpSerializer,
        responses={200: SteppedUpSerializer, **problems(400, 401, 403, 409, 422, 429, 503)},
        examples=[
            factor_examples.CODE,
            factor_examples.STEPPED_UP,
            factor_examples.WRONG_FACTOR,
            examples.INVALID_TOKEN,
            examples.TOO_MANY_ATTEMPTS,
        ],
    )
    def post(self, request: Request) -> Response:
        body, ip_address = valid(StepUpSerializer, request), origin.ip_address_of(request)
        grant, now = caller.grant(request), timezone.now()
        if "password" in body:
            until = step_up.by_password(grant, **body, ip_address=ip_address, now=now)
        else:
            until = step_up.by_factor(grant, proof=_proof(body), ip_address=ip_address, now=now)
        return Response(SteppedUpSerializer({"stepped_up_until": until}).data)


class StepUpOptionsView(StrictView):
    @extend_schema(
        operation_id="auth_step_up_options",
        summary="Options for stepping up by a passkey",
        tags=TAGS,
        request=None,
        responses={200: PasskeyOptionsSerializer, **problems(401, 409, 429, 503)},
        examples=[factor_examples.REQUEST_OPTIONS, examples.INVALID_TOKEN],
    )
    def post(self, request: Request) -> Response:
        options = step_up.passkey_options(
            caller.grant(request), ip_address=origin.ip_address_of(request), now=timezone.now()
        )
        return _secret(PasskeyOptionsSerializer({"public_key": options}).data, status=200)


def _proof(body: dict[str, Any]) -> Proof:
    return Proof(code=body.get("code"), passkey=body.get("passkey"))


def _secret(document: Any, *, status: int) -> Response:
    """An answer that no cache may keep."""
    return Response(document, status=status, headers=SECRET)
