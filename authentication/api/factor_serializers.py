"""Serializers of second factors, of signing in by them, and of step-ups."""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from authentication.api.serializers import TextField, password_field
from authentication.factor_tokens import MAX_LENGTH as MAX_FACTOR_TOKEN_LENGTH
from authentication.models import Passkey
from be.api.strict_requests import Body

MAX_CODE_LENGTH = 40
# The answer of an authenticator has a few hundred bytes; browsers repeat some of it.
MAX_CREDENTIAL_LENGTH = 16_384


@extend_schema_field({"type": "object", "additionalProperties": {}})
class CredentialField(serializers.DictField):
    """A public key credential as JSON, as browsers give it."""

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        if isinstance(data, dict) and len(json.dumps(data, default=str)) > MAX_CREDENTIAL_LENGTH:
            raise serializers.ValidationError("This is too long.", code="max_length")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.OBJECT)
class OptionsField(serializers.DictField):
    """Options for `navigator.credentials`, as JSON."""


def code_field(**options: Any) -> TextField:
    return TextField(
        max_length=MAX_CODE_LENGTH,
        help_text="Six digits of the authenticator app, or a recovery code.",
        **options,
    )


def passkey_field(**options: Any) -> CredentialField:
    return CredentialField(
        help_text="`PublicKeyCredential.toJSON()` of what `navigator.credentials.get()` gave.",
        **options,
    )


class ExactlyOne(Body):
    """A body that has exactly one of the fields `ONE_OF`."""

    ONE_OF: tuple[str, ...] = ("code", "passkey")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in self.ONE_OF) != 1:
            detail = ErrorDetail(f"Send exactly one of {', '.join(self.ONE_OF)}.", "exactly_one")
            raise serializers.ValidationError({self.ONE_OF[0]: [detail]})
        return attrs


class SecondFactorSerializer(ExactlyOne):
    factor_token = TextField(max_length=MAX_FACTOR_TOKEN_LENGTH)
    code = code_field(required=False)
    passkey = passkey_field(required=False)


class PasskeySignInSerializer(Body):
    passkey = passkey_field()


class PasskeySignInOptionsSerializer(Body):
    factor_token = TextField(
        max_length=MAX_FACTOR_TOKEN_LENGTH,
        required=False,
        help_text="Of a sign-in that has begun; without it any passkey of this site will do.",
    )


class StepUpSerializer(ExactlyOne):
    ONE_OF = ("code", "passkey", "password")

    code = code_field(required=False)
    passkey = passkey_field(required=False)
    password = password_field()

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["password"].required = False
        fields["password"].help_text = "Only of a user without a second factor."
        return fields


class CodeSerializer(Body):
    code = TextField(max_length=MAX_CODE_LENGTH, help_text="Six digits that the app shows now.")


class NewPasskeySerializer(Body):
    name = TextField(max_length=64, help_text="By which its owner will know it.")
    credential = CredentialField(
        help_text="`PublicKeyCredential.toJSON()` of what `navigator.credentials.create()` gave."
    )


class SecondFactorAskedSerializer(serializers.Serializer[Any]):
    """The password was right, and a second factor has to follow."""

    second_factor_required = serializers.BooleanField(help_text="True.")
    factor_token = serializers.CharField(help_text="For `login/factor/`.")
    methods = serializers.ListField(
        child=serializers.ChoiceField(["totp", "passkey", "recovery_code"])
    )
    expires_in = serializers.IntegerField(help_text="Seconds until `factor_token` ends.")


class PasskeyOptionsSerializer(serializers.Serializer[Any]):
    public_key = OptionsField(
        help_text=(
            "For `PublicKeyCredential.parseCreationOptionsFromJSON()` or "
            "`parseRequestOptionsFromJSON()`; the challenge works once, for five minutes."
        )
    )


class SteppedUpSerializer(serializers.Serializer[Any]):
    stepped_up_until = serializers.DateTimeField()


class PasskeySerializer(serializers.ModelSerializer[Passkey]):
    class Meta:
        model = Passkey
        fields = ["id", "name", "created_at", "last_used_at"]
        read_only_fields = fields


class NewSecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="In base32, for typing; it is shown this once.")
    otpauth_uri = serializers.CharField(help_text="For authenticator apps.")
    qr_code = serializers.CharField(help_text="The same as an image: a `data:` address of an SVG.")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(
        child=serializers.CharField(),
        help_text="Ten codes, shown this once; none where there are codes already.",
    )


class AddedPasskeySerializer(PasskeySerializer, RecoveryCodesSerializer):
    class Meta(PasskeySerializer.Meta):
        fields = [*PasskeySerializer.Meta.fields, "recovery_codes"]
        read_only_fields = PasskeySerializer.Meta.fields


class AuthenticatorAppSerializer(serializers.Serializer[Any]):
    confirmed_at = serializers.DateTimeField()


class FactorsSerializer(serializers.Serializer[Any]):
    second_factor = serializers.BooleanField(help_text="Whether signing in asks for one.")
    totp = AuthenticatorAppSerializer(allow_null=True)
    passkeys = PasskeySerializer(many=True)
    recovery_codes_left = serializers.IntegerField()
    stepped_up_until = serializers.DateTimeField(
        allow_null=True, help_text="Null if this session has to step up first."
    )
