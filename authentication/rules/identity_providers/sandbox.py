"""A provider that exists nowhere: the tax id says what becomes of the application."""

from collections.abc import Collection
from datetime import timedelta

from authentication.rules.identity import Applicant, DocumentKind
from authentication.rules.identity_providers.port import (
    Answer,
    Approved,
    DocumentsRequired,
    Pending,
    Refused,
)

# No such number is given to a person: those with a 9 in front are not social security numbers.
DOCUMENTS_THEN_APPROVED = "900000001"
REFUSED = "900000002"
PENDING_THEN_APPROVED = "900000003"
DOCUMENTS_THEN_REFUSED = "900000004"

PENDING_FOR = timedelta(seconds=5)
PASSPORT_OR_LICENCE = (DocumentKind.PASSPORT, DocumentKind.DRIVING_LICENCE)


class Sandbox:
    """Approves at once, but for the tax ids above."""

    def check(
        self, applicant: Applicant, documents: Collection[DocumentKind], *, waited: timedelta
    ) -> Answer:
        match applicant.tax_id:
            case "900000002":
                return Refused("The tax id is not of a person of this name.")
            case "900000003":
                left = PENDING_FOR - waited
                return Pending(left) if left > timedelta(0) else Approved()
            case "900000001" | "900000004" if not documents:
                return DocumentsRequired(PASSPORT_OR_LICENCE)
            case "900000004":
                return Refused("The document can't be read.")
        return Approved()
