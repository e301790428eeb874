"""Serializers of identity applications."""

from typing import Any

from rest_framework import serializers

from authentication.api.serializers import TextField
from authentication.models import IdentityDocument
from authentication.rules.identity import DocumentKind, IdentityStatus
from be.api.fields import ChoiceField, TimeField
from be.api.strict_requests import Body

DOCUMENT_KINDS = [kind.value for kind in DocumentKind]
IDENTITY_STATUSES = [status.value for status in IdentityStatus]


def text(length: int, **options: Any) -> TextField:
    return TextField(max_length=length, **options)


class NewIdentitySerializer(Body):
    first_name = text(150)
    last_name = text(150)
    birth_date = serializers.DateField()
    street = text(200)
    city = text(100)
    region = text(100, required=False, allow_blank=True, help_text="State or province.")
    postal_code = text(20)
    country = text(2, help_text="Two capital letters: ISO 3166-1.")
    tax_id = text(40, help_text="Stored encrypted; answers have its last four digits.")


class NewIdentityDocumentSerializer(Body):
    kind = ChoiceField(choices=DOCUMENT_KINDS)
    file = serializers.FileField(allow_empty_file=True, help_text="A JPEG, PNG or PDF.")


class IdentityDocumentSerializer(serializers.ModelSerializer[IdentityDocument]):
    kind = serializers.ChoiceField(choices=DOCUMENT_KINDS)
    created_at = TimeField()

    class Meta:
        model = IdentityDocument
        fields = ["id", "kind", "media_type", "size", "created_at"]
        read_only_fields = fields


class IdentitySerializer(serializers.Serializer[Any]):
    """The customer's newest application; everything but `status` is empty before there is one."""

    status = serializers.ChoiceField(choices=IDENTITY_STATUSES)
    reason = serializers.CharField(help_text="Why it was refused.")
    documents_asked = serializers.ListField(
        child=serializers.ChoiceField(choices=DOCUMENT_KINDS),
        help_text="Send one document of one of these kinds.",
    )
    documents = IdentityDocumentSerializer(many=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    street = serializers.CharField()
    city = serializers.CharField()
    region = serializers.CharField()
    postal_code = serializers.CharField()
    country = serializers.CharField()
    tax_id_last4 = serializers.CharField()
    submitted_at = TimeField(allow_null=True)
    decided_at = TimeField(allow_null=True)
