"""Serializers of requests and responses."""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from authentication.links import MAX_LENGTH as MAX_LINK_LENGTH
from authentication.models import Session, User
from authentication.tokens import MAX_LENGTH as MAX_TOKEN_LENGTH
from be.api.strict_requests import Body

MAX_PASSWORD_LENGTH = 128


class TextField(serializers.CharField):
    """A JSON string. DRF's CharField would take the number 7 for the name "7"."""

    def run_validation(self, data: Any = empty) -> Any:
        if not (data is empty or data is None or isinstance(data, str)):
            self.fail("invalid")
        return super().run_validation(data)


class EmailField(TextField, serializers.EmailField):
    """An e-mail address as a JSON string, in lower case (which can be longer than the input)."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).lower()


def email_field() -> EmailField:
    return EmailField(max_length=254)


def name_field() -> TextField:
    return TextField(max_length=150, allow_blank=True, required=False)


def password_field() -> TextField:
    """A password; its leading and trailing blanks count."""
    return TextField(
        max_length=MAX_PASSWORD_LENGTH,
        trim_whitespace=False,
        write_only=True,
        style={"input_type": "password"},
    )


class RegisterSerializer(Body):
    email = email_field()
    password = password_field()
    first_name = name_field()
    last_name = name_field()


class LoginSerializer(Body):
    email = email_field()
    password = password_field()


class RefreshTokenSerializer(Body):
    refresh_token = TextField(max_length=MAX_TOKEN_LENGTH)


class ProfileSerializer(Body):
    first_name = name_field()
    last_name = name_field()


class PasswordChangeSerializer(Body):
    current_password = password_field()
    new_password = password_field()


class EmailSerializer(Body):
    email = email_field()


class LinkSerializer(Body):
    token = TextField(max_length=MAX_LINK_LENGTH, help_text="What follows the # of the link.")


class PasswordResetSerializer(LinkSerializer):
    new_password = password_field()


class NewEmailSerializer(Body):
    email = email_field()
    current_password = password_field()


class MailSentSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["verification_sent"])


class UserSerializer(serializers.ModelSerializer[User]):
    email_verified = serializers.BooleanField(read_only=True)
    frozen = serializers.BooleanField(
        source="is_frozen", help_text="Staff keeps the account from trading and moving money."
    )
    second_factor = serializers.BooleanField(
        source="has_second_factor", help_text="Whether signing in asks for a second factor."
    )

    class Meta:
        model = User
        fields = [
            "id",
            "email",
            "email_verified",
            "first_name",
            "last_name",
            "frozen",
            "second_factor",
        ]
        read_only_fields = fields


class TokensSerializer(serializers.Serializer[Any]):
    # Named as in OAuth 2 (RFC 6749 section 5.1).
    user = UserSerializer()
    access_token = serializers.CharField()
    refresh_token = serializers.CharField(help_text="Works once; the answer brings the next one.")
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


class SessionSerializer(serializers.ModelSerializer[Session]):
    current = serializers.SerializerMethodField(help_text="The session that asks.")

    class Meta:
        model = Session
        fields = ["id", "user_agent", "ip_address", "created_at", "last_used_at", "current"]
        read_only_fields = fields
        extra_kwargs = {"last_used_at": {"help_text": "When tokens were last handed out."}}

    def get_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["request"].auth.session_id)
