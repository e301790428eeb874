"""What the domain asks of whoever verifies identities, and what it may be answered."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from authentication.rules.identity import Applicant, DocumentKind


@dataclass(frozen=True, slots=True)
class Approved:
    """The applicant is who they say."""


@dataclass(frozen=True, slots=True)
class Refused:
    """`reason` is what the customer reads."""

    reason: str


@dataclass(frozen=True, slots=True)
class DocumentsRequired:
    """One document of each group is asked for."""

    kinds: tuple[DocumentKind, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """It takes a while: ask again after that time, or wait for a decision of staff (None)."""

    ask_again_after: timedelta | None


Answer = Approved | Refused | DocumentsRequired | Pending


class IdentityProvider(Protocol):
    """An adapter to a service that verifies identities, or to one's own staff."""

    def check(
        self, applicant: Applicant, documents: Collection[DocumentKind], *, waited: timedelta
    ) -> Answer:
        """What is known of the applicant, `waited` after the last submission.

        It is asked at each submission, and again when it was pending. The same arguments may be
        asked of twice.
        """
        ...
