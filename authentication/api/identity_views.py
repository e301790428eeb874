"""`/api/auth/identity/`: who a customer is, and what became of the application."""

from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from authentication import identity
from authentication.api import caller, examples
from authentication.api.identity_serializers import (
    IdentitySerializer,
    NewIdentityDocumentSerializer,
    NewIdentitySerializer,
)
from authentication.models import IdentityApplication, IdentityDocument
from authentication.rules.identity import Applicant, DocumentKind, IdentityStatus
from be.api.auto_schema import problems
from be.api.strict_requests import StrictView

TAGS = ["Authentication"]
IDENTITY = IdentitySerializer()
STATED = ("first_name", "last_name", "street", "city", "region", "postal_code", "country")


class IdentityView(StrictView):
    @extend_schema(
        operation_id="auth_identity",
        summary="Whether your identity is verified",
        tags=TAGS,
        responses={200: IdentitySerializer, **problems(401, 403, 503)},
        examples=[examples.IDENTITY, examples.SESSION_REQUIRED],
    )
    def get(self, request: Request) -> Response:
        return _answer(identity.current(caller.user(request), now=timezone.now()))

    @extend_schema(
        operation_id="auth_identity_apply",
        summary="Say who you are",
        description=(
            "The sandbox approves at once, but for these tax ids: `900000001` is asked for a "
            "document and then approved, `900000002` is refused, `900000003` is approved after "
            "five seconds, `900000004` is asked for a document and then refused. After a refusal "
            "you may apply again, a few times."
        ),
        tags=TAGS,
        request=NewIdentitySerializer,
        responses={201: IdentitySerializer, **problems(400, 401, 403, 409, 422, 503)},
        examples=[
            examples.NEW_IDENTITY,
            examples.IDENTITY_SUBMITTED,
            examples.SESSION_REQUIRED,
        ],
    )
    def post(self, request: Request) -> Response:
        body = NewIdentitySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        application = identity.submit(
            user=caller.user(request),
            applicant=Applicant(**{"region": "", **body.validated_data}),
            now=timezone.now(),
        )
        return _answer(application, status=201)


class IdentityDocumentsView(StrictView):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="auth_identity_document",
        summary="Send a document that was asked for",
        description=(
            f"At most {identity.MAX_DOCUMENT_BYTES} bytes. It is stored encrypted, and read by "
            "the staff who decide."
        ),
        tags=TAGS,
        request={"multipart/form-data": NewIdentityDocumentSerializer},
        responses={201: IdentitySerializer, **problems(400, 401, 403, 404, 409, 413, 415, 503)},
        examples=[examples.IDENTITY_SUBMITTED, examples.SESSION_REQUIRED],
    )
    def post(self, request: Request) -> Response:
        form = NewIdentityDocumentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        application = identity.add_document(
            user=caller.user(request),
            kind=DocumentKind(form.validated_data["kind"]),
            content=form.validated_data["file"].read(),
            now=timezone.now(),
        )
        return _answer(application, status=201)


def _answer(application: IdentityApplication | None, *, status: int = 200) -> Response:
    return Response(_document(application), status=status, headers={"Cache-Control": "no-store"})


def _document(application: IdentityApplication | None) -> dict[str, Any]:
    if application is None:
        return {
            "status": IdentityStatus.NOT_STARTED.value,
            "reason": "",
            "documents_asked": [],
            "documents": [],
            **dict.fromkeys(STATED, ""),
            "birth_date": None,
            "tax_id_last4": "",
            "submitted_at": None,
            "decided_at": None,
        }
    without_content = IdentityDocument.objects.defer("content_encrypted").order_by("id")
    prefetch_related_objects([application], Prefetch("documents", without_content))
    shown = dict(IDENTITY.to_representation(application))
    if application.status != IdentityStatus.DOCUMENTS_REQUIRED:
        shown["documents_asked"] = []
    return shown
