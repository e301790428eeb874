"""Know your customer: applications, their documents, and who decides about them.

The provider (`authentication.rules.identity_providers`) is asked at each submission, and again when
it was pending. Staff may decide at any time, about others than themselves. An approval stands in
the user's row too, where `authentication.restrictions` finds it without a query.
"""

import base64
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from authentication import audit, sealing
from authentication.models import IdentityApplication, IdentityDocument, User
from authentication.rules import identity as rules
from authentication.rules.identity import Applicant, DocumentKind, IdentityStatus
from authentication.rules.identity_providers import PROVIDERS
from authentication.rules.identity_providers.port import (
    Answer,
    Approved,
    DocumentsRequired,
    Pending,
    Refused,
)
from be.database.transactions import atomic
from be.kernel import encryption
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Invalid, NotFound, Refusal

logger = logging.getLogger(__name__)

MAX_APPLICATIONS = 5
MAX_DOCUMENTS = 10
MAX_DOCUMENT_BYTES = 900_000
MAX_REASON_LENGTH = 500
SETTLE_AT_MOST = 100
TAX_ID = b"identity-tax-id"
DOCUMENT = b"identity-document"


class IdentityApplicationExists(Refusal):
    code = "identity_application_exists"
    status = 409
    title = "There is an identity application already"


class TooManyApplications(Refusal):
    code = "too_many_identity_applications"
    status = 409
    title = "Too many identity applications were refused"


class TooYoung(Refusal):
    code = "too_young"
    title = "The applicant is not of age"


class NoDocumentWanted(Refusal):
    code = "no_document_wanted"
    status = 409
    title = "No document is asked for"


class DocumentTooLarge(Refusal):
    code = "document_too_large"
    status = 413
    title = "The document is too large"


class IdentityDecisionRefused(Refusal):
    """The application has been decided, or is of whoever wants to decide."""

    code = "identity_decision_refused"
    status = 409
    title = "The identity application can't be decided so"


def newest(user: User) -> IdentityApplication | None:
    """The customer's newest application."""
    return IdentityApplication.objects.filter(user=user).order_by("-id").first()


def current(user: User, *, now: datetime) -> IdentityApplication | None:
    """The newest application, after the provider was asked again if that is due."""
    application = newest(user)
    if application is None or application.ask_again_at is None or application.ask_again_at > now:
        return application
    _ask_again(application.pk, now)
    return newest(user)


@atomic
def submit(*, user: User, applicant: Applicant, now: datetime) -> IdentityApplication:
    """Apply; the provider may decide at once.

    Raises Invalid (a field), TooYoung, IdentityApplicationExists and TooManyApplications.
    """
    applicant = _checked(applicant, now)
    if IdentityApplication.objects.filter(user=user).count() >= MAX_APPLICATIONS:
        raise TooManyApplications("Ask the support desk; it can look at your case.")
    row_id = uuid7(now)
    application = IdentityApplication(
        id=row_id,
        user=user,
        **{name: value for name, value in vars(applicant).items() if name != "tax_id"},
        tax_id_encrypted=sealing.seal(applicant.tax_id, purpose=TAX_ID, row_id=row_id),
        tax_id_last4=applicant.tax_id[-4:],
        status=rules.follow(IdentityStatus.NOT_STARTED, IdentityStatus.SUBMITTED).value,
        submitted_at=now,
        created_at=now,
    )
    try:
        with transaction.atomic():
            application.save(force_insert=True)
    except IntegrityError as error:
        raise IdentityApplicationExists(
            "It is being looked at, or was approved; GET it to see."
        ) from error
    _record(application, "identity submitted", user, now, before=None)
    _apply(application, _ask(application, now), None, now)
    return application


@atomic
def add_document(
    *, user: User, kind: DocumentKind, content: bytes, now: datetime
) -> IdentityApplication:
    """Add a document that was asked for, and submit the application again.

    Raises NotFound without an application, NoDocumentWanted, DocumentTooLarge, and Invalid unless
    it is a JPEG, PNG or PDF of a kind that was asked for.
    """
    application = _locked(user)
    asked = application.documents_asked
    if application.status != IdentityStatus.DOCUMENTS_REQUIRED:
        raise NoDocumentWanted(f"The application is {application.status}.")
    if application.documents.count() >= MAX_DOCUMENTS:
        raise NoDocumentWanted("You have sent as many as are looked at; ask the support desk.")
    if kind not in asked:
        raise Invalid(f"Send one of these: {', '.join(asked)}.", field="kind")
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(f"Send at most {MAX_DOCUMENT_BYTES} bytes.", field="file")
    media_type = rules.media_type(content)
    if media_type is None:
        raise Invalid("Send a JPEG, a PNG or a PDF.", field="file")
    row_id = uuid7(now)
    IdentityDocument.objects.create(
        id=row_id,
        application=application,
        kind=kind.value,
        media_type=media_type,
        size=len(content),
        content_encrypted=sealing.seal(
            base64.b64encode(content).decode(), purpose=DOCUMENT, row_id=row_id
        ),
        created_at=now,
    )
    application.submitted_at = now
    _step(application, IdentityStatus.SUBMITTED, "identity document added", user, now, kind=kind)
    _apply(application, _ask(application, now), None, now)
    return application


def content_of(document: IdentityDocument) -> bytes:
    """A document as it was sent, for staff who decide. Raises encryption.Unreadable."""
    text = sealing.unseal(bytes(document.content_encrypted), purpose=DOCUMENT, row_id=document.pk)
    return base64.b64decode(text)


def note_look(document: IdentityDocument, *, actor: User, now: datetime) -> None:
    """Write that somebody of the staff has opened a document."""
    audit.record(
        "identity document opened",
        actor=actor,
        subject=document.application.user_id,
        at=now,
        application_id=document.application_id,
        document_id=document.pk,
    )


def approve(*, actor: User, application_id: UUID, now: datetime) -> IdentityApplication:
    """Decide by hand that the applicant is who they say. Raises IdentityDecisionRefused."""
    return _decide(application_id, actor, lambda _: Approved(), now)


def refuse(*, actor: User, application_id: UUID, reason: str, now: datetime) -> IdentityApplication:
    """Refuse, or take back an approval; the customer reads the reason.

    Raises Invalid without one, and IdentityDecisionRefused.
    """
    if not reason.strip() or len(reason) > MAX_REASON_LENGTH:
        raise Invalid(
            f"Say why, in at most {MAX_REASON_LENGTH} characters; the customer reads it.",
            field="reason",
        )
    return _decide(application_id, actor, lambda _: Refused(reason.strip()), now)


def ask_for_documents(
    *, actor: User, application_id: UUID, kinds: tuple[DocumentKind, ...], now: datetime
) -> IdentityApplication:
    """Ask for one of these documents. Raises IdentityDecisionRefused."""
    return _decide(application_id, actor, lambda _: DocumentsRequired(kinds), now)


def settle_due(*, now: datetime) -> int:
    """Ask the provider about applications that were pending; returns how many were asked about."""
    due = IdentityApplication.objects.filter(ask_again_at__lte=now).order_by("ask_again_at")
    ids = list(due.values_list("pk", flat=True)[:SETTLE_AT_MOST])
    return sum(_settle(application_id, now) for application_id in ids)


def _settle(application_id: UUID, now: datetime) -> bool:
    """Settle one; a tax id that cannot be decrypted must not block the others."""
    try:
        return _ask_again(application_id, now)
    except encryption.Unreadable:
        logger.exception("identity application %s: its tax id is unreadable", application_id)
        return False


@atomic
def _decide(
    application_id: UUID,
    actor: User,
    answer: Callable[[IdentityApplication], Answer],
    now: datetime,
) -> IdentityApplication:
    application = (
        IdentityApplication.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(pk=application_id)
        .first()
    )
    if application is None:
        raise NotFound("There is no such application.")
    if application.user_id == actor.pk:
        raise IdentityDecisionRefused("Nobody decides about themselves; somebody else can.")
    _apply(application, answer(application), actor, now)
    return application


@atomic
def _ask_again(application_id: UUID, now: datetime) -> bool:
    application = (
        IdentityApplication.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("user")
        .filter(pk=application_id, ask_again_at__lte=now)
        .first()
    )
    if application is None:  # another caller has it, or it was decided
        return False
    _apply(application, _ask(application, now), None, now)
    return True


def _ask(application: IdentityApplication, now: datetime) -> Answer:
    documents = application.documents.values_list("kind", flat=True)
    return PROVIDERS[settings.IDENTITY_PROVIDER].check(
        _applicant(application),
        [DocumentKind(kind) for kind in documents],
        waited=now - application.submitted_at,
    )


def _apply(
    application: IdentityApplication, answer: Answer, actor: User | None, now: datetime
) -> None:
    application.ask_again_at = None
    match answer:
        case Pending(ask_again_after=wait):
            application.ask_again_at = None if wait is None else now + wait
            application.save(update_fields=["ask_again_at"])
        case DocumentsRequired(kinds=kinds):
            application.documents_asked = [kind.value for kind in kinds]
            status = IdentityStatus.DOCUMENTS_REQUIRED
            _step(application, status, "identity documents required", actor, now)
        case Refused(reason=reason):
            application.reason = reason
            application.decided_at = now
            _step(application, IdentityStatus.REFUSED, "identity refused", actor, now)
            _mark_user(application.user, None)
        case Approved():
            application.decided_at = now
            _step(application, IdentityStatus.APPROVED, "identity approved", actor, now)
            _mark_user(application.user, now)


def _mark_user(user: User, verified_at: datetime | None) -> None:
    user.identity_verified_at = verified_at
    user.save(update_fields=["identity_verified_at"])


def _step(
    application: IdentityApplication,
    status: IdentityStatus,
    event: str,
    actor: User | None,
    now: datetime,
    **details: object,
) -> None:
    before = IdentityStatus(application.status)
    try:
        application.status = rules.follow(before, status).value
    except rules.ImpossibleStep as error:
        raise IdentityDecisionRefused(f"The application is {before}.") from error
    application.save(force_update=True)
    _record(application, event, actor, now, before=before, **details)


def _record(
    application: IdentityApplication,
    event: str,
    actor: User | None,
    now: datetime,
    *,
    before: IdentityStatus | None,
    **details: object,
) -> None:
    audit.record(
        event,
        actor=actor,
        subject=application.user_id,
        at=now,
        before=None if before is None else {"status": before.value},
        after={"status": application.status},
        application_id=application.pk,
        **details,
        **({"reason": application.reason} if application.reason else {}),
    )


def _locked(user: User) -> IdentityApplication:
    application = (
        IdentityApplication.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(user=user)
        .order_by("-id")
        .first()
    )
    if application is None:
        raise NotFound("You have not applied yet.")
    return application


def _applicant(application: IdentityApplication) -> Applicant:
    tax_id = sealing.unseal(
        bytes(application.tax_id_encrypted), purpose=TAX_ID, row_id=application.pk
    )
    stated = {
        name: getattr(application, name) for name in Applicant.__annotations__ if name != "tax_id"
    }
    return Applicant(**stated, tax_id=tax_id)


def _checked(applicant: Applicant, now: datetime) -> Applicant:
    """The same with a tax id in its normal form. Raises Invalid and TooYoung."""
    values: dict[str, Any] = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in vars(applicant).items()
    }
    for name in ("first_name", "last_name", "street", "city"):
        if not rules.is_name(values[name]):
            raise Invalid("Write it as in your papers, with a letter at least.", field=name)
    if not rules.COUNTRY.fullmatch(values["country"]):
        raise Invalid("Send two capital letters, like US (ISO 3166).", field="country")
    years = rules.age(values["birth_date"], now.astimezone(UTC).date())
    if not 0 <= years <= rules.OLDEST_AGE:
        raise Invalid("Send the day of your birth.", field="birth_date")
    if years < rules.ADULT_AGE:
        raise TooYoung(f"Accounts are for people of {rules.ADULT_AGE} years.", field="birth_date")
    tax_id = rules.normal_tax_id(values["tax_id"], country=values["country"])
    if tax_id is None:
        raise Invalid(
            "Send the nine digits of a tax id of the United States, or 6 to 20 letters and digits "
            "of another country.",
            field="tax_id",
        )
    return Applicant(**{**values, "tax_id": tax_id})
