"""The broker's own staff: every application waits for one of them."""

from collections.abc import Collection
from datetime import timedelta

from authentication.rules.identity import Applicant, DocumentKind
from authentication.rules.identity_providers.port import Answer, Pending


class Staff:
    """Knows nothing by itself; the admin has the list of what waits."""

    def check(
        self, applicant: Applicant, documents: Collection[DocumentKind], *, waited: timedelta
    ) -> Answer:
        return Pending(None)
