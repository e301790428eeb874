"""Serializers of API keys."""

from typing import Any

from rest_framework import serializers

from authentication import api_keys
from authentication.api.serializers import TextField
from authentication.models import ApiKey
from authentication.rules.scopes import Scope
from be.api.fields import ChoiceField, TimeField
from be.api.strict_requests import Body

LONGEST_ADDRESS = 50


SCOPES = (
    "`read`: every GET outside of `/api/auth/`, and `me/`. `trade`: place, replace and cancel "
    "orders. `transfer`: deposit and withdraw."
)


def scope_choice() -> ChoiceField:
    return ChoiceField(choices=[str(scope) for scope in Scope])


class WordsField(serializers.ListField):
    """What is stored as words with blanks between them, as a list."""

    def to_representation(self, data: Any) -> list[Any]:
        return super().to_representation(data.split())


def name_field() -> TextField:
    return TextField(max_length=api_keys.LONGEST_NAME)


class NewApiKeySerializer(Body):
    name = name_field()
    scopes = serializers.ListField(
        child=scope_choice(), min_length=1, max_length=len(Scope), help_text=SCOPES
    )
    expires_at = TimeField(
        required=False, allow_null=True, help_text="Without it the key lasts until it is revoked."
    )
    addresses = serializers.ListField(
        child=TextField(max_length=LONGEST_ADDRESS),
        required=False,
        max_length=api_keys.MAX_ADDRESSES,
        help_text="IP addresses and networks from which alone the key may be used.",
    )


class ApiKeyNameSerializer(Body):
    name = name_field()


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = WordsField(child=scope_choice(), help_text=SCOPES)
    addresses = WordsField(
        child=serializers.CharField(),
        help_text="From where alone the key may be used; an empty list is everywhere.",
    )

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "key_id",
            "name",
            "scopes",
            "addresses",
            "created_at",
            "expires_at",
            "last_used_at",
        ]
        read_only_fields = fields
        extra_kwargs = {"last_used_at": {"help_text": "To the minute; null if it never was."}}


class NewApiKeyAnswerSerializer(ApiKeySerializer):
    """A key that was just made. Its `secret` is shown here and never again."""

    secret = serializers.CharField(help_text="Send `Authorization: Bearer <key_id>.<secret>`.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "secret"]
        read_only_fields = fields
