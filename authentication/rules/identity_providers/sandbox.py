"""A provider that exists nowhere: the tax id says what becomes of the application."""

from collections.abc import Collection
from datetime import timedelta

from authentication.rules.identity import PASSPORT_OR_LICENCE, Applicant, DocumentKind
from authentication.rules.identity_providers.port import (
    Answer,
    Approved,
    DocumentsRequired,
    Pending,
    Refused,
)

PENDING_FOR = timedelta(seconds=5)


class Sandbox:
    """Approves at once, but for a few tax ids, which are no social security numbers of anybody."""

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
