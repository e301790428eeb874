"""Know your customer: the states of an identity application, and what of it can be checked at once.

docs/identity.md draws the states.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

ADULT_AGE = 18
OLDEST_AGE = 130

US_TAX_ID = re.compile(r"[0-9]{9}")
TAX_ID = re.compile(r"[0-9A-Z]{6,20}")
COUNTRY = re.compile(r"[A-Z]{2}")


class IdentityStatus(StrEnum):
    """Where a customer's application stands; `not_started` before there is one."""

    NOT_STARTED = "not_started"
    SUBMITTED = "submitted"
    DOCUMENTS_REQUIRED = "documents_required"
    APPROVED = "approved"
    REFUSED = "refused"


class DocumentKind(StrEnum):
    PASSPORT = "passport"
    DRIVING_LICENCE = "driving_licence"
    IDENTITY_CARD = "identity_card"
    PROOF_OF_ADDRESS = "proof_of_address"


PASSPORT_OR_LICENCE = (DocumentKind.PASSPORT, DocumentKind.DRIVING_LICENCE)

# Which status follows which. A refused customer may apply again: that is a new application.
TRANSITIONS: dict[IdentityStatus, frozenset[IdentityStatus]] = {
    IdentityStatus.NOT_STARTED: frozenset({IdentityStatus.SUBMITTED}),
    IdentityStatus.SUBMITTED: frozenset(
        {IdentityStatus.DOCUMENTS_REQUIRED, IdentityStatus.APPROVED, IdentityStatus.REFUSED}
    ),
    IdentityStatus.DOCUMENTS_REQUIRED: frozenset(
        {IdentityStatus.SUBMITTED, IdentityStatus.APPROVED, IdentityStatus.REFUSED}
    ),
    # What was approved can turn out to be wrong.
    IdentityStatus.APPROVED: frozenset({IdentityStatus.REFUSED}),
    IdentityStatus.REFUSED: frozenset({IdentityStatus.SUBMITTED}),
}


class ImpossibleStep(ValueError):
    """A status that does not follow this one."""


def follow(before: IdentityStatus, after: IdentityStatus) -> IdentityStatus:
    """`after`, if it may follow `before`. Raises ImpossibleStep."""
    if after not in TRANSITIONS[before]:
        raise ImpossibleStep(f"{after} does not follow {before}")
    return after


@dataclass(frozen=True, kw_only=True)
class Applicant:
    """What a customer states of themselves. `country` is an ISO 3166 code of two letters."""

    first_name: str
    last_name: str
    birth_date: date
    street: str
    city: str
    region: str
    postal_code: str
    country: str
    tax_id: str


def age(birth_date: date, today: date) -> int:
    """Full years. Whoever is born on 29 February is a year older on 1 March of other years."""
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return today.year - birth_date.year - (not had_birthday)


def normal_tax_id(text: str, *, country: str) -> str | None:
    """Letters and digits of a tax id; None unless it is one: nine digits in the United States."""
    compact = text.strip().upper().replace("-", "").replace(" ", "")
    shape = US_TAX_ID if country == "US" else TAX_ID
    return compact if shape.fullmatch(compact) else None


def media_type(content: bytes) -> str | None:
    """What a document is by its first bytes, whatever it is called: JPEG, PNG or PDF, or None."""
    for start, kind in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"%PDF-", "application/pdf"),
    ):
        if content.startswith(start):
            return kind
    return None


def is_name(text: str) -> bool:
    """Whether there is a letter in it, and nothing that is invisible."""
    return any(map(str.isalpha, text)) and not any(
        unicodedata.category(letter).startswith("C") for letter in text
    )
