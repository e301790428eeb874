"""The pure rules of identity: states, ages, tax ids, documents, and the sandbox's answers."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication.rules import identity
from authentication.rules.identity import Applicant, DocumentKind, IdentityStatus
from authentication.rules.identity_providers import PROVIDERS
from authentication.rules.identity_providers.port import (
    Approved,
    DocumentsRequired,
    Pending,
    Refused,
)
from authentication.rules.identity_providers.sandbox import PENDING_FOR

AT_ONCE = timedelta(0)
PAGE = Path(__file__).parents[2] / "docs" / "identity.md"


@pytest.mark.parametrize("before", IdentityStatus)
@pytest.mark.parametrize("after", IdentityStatus)
def test_a_status_follows_where_the_table_says_so(before: IdentityStatus, after: IdentityStatus):
    if after in identity.TRANSITIONS[before]:
        assert identity.follow(before, after) == after
    else:
        with pytest.raises(identity.ImpossibleStep):
            identity.follow(before, after)


def test_the_page_draws_the_table():
    drawn = {
        tuple(line.strip().split(":")[0].split(" --> "))
        for line in PAGE.read_text().splitlines()
        if " --> " in line and "[*]" not in line
    }
    assert drawn == {
        (before.value, after.value)
        for before, followers in identity.TRANSITIONS.items()
        for after in followers
    }


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        ("2008-03-02", "2026-03-02", 18),
        ("2008-03-03", "2026-03-02", 17),
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2004-02-29", "2024-02-29", 20),
    ],
)
def test_a_year_is_full_on_the_birthday(born: str, today: str, years: int):
    assert identity.age(date.fromisoformat(born), date.fromisoformat(today)) == years


@given(st.dates(max_value=date(2100, 1, 1)), st.integers(0, 100))
def test_nobody_is_of_an_age_before_as_many_new_years(born: date, years: int):
    today = date(min(born.year + years, 9999), 12, 31)
    assert identity.age(born, today) == today.year - born.year


@pytest.mark.parametrize(
    ("text", "country", "normal"),
    [
        ("123-45-6789", "US", "123456789"),
        (" 123 45 6789 ", "US", "123456789"),
        ("12345678", "US", None),
        ("1234567890", "US", None),
        ("١٢٣٤٥٦٧٨٩", "US", None),
        ("ab-123-456", "GB", "AB123456"),
        ("12345", "GB", None),
        ("", "GB", None),
        ("1" * 21, "GB", None),
    ],
)
def test_a_tax_id_has_a_shape(text: str, country: str, normal: str | None):
    assert identity.normal_tax_id(text, country=country) == normal


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<html>", None),
        (b" %PDF-1.7", None),
        (b"", None),
    ],
)
def test_a_document_is_what_its_first_bytes_say(content: bytes, kind: str | None):
    assert identity.media_type(content) == kind


def applicant(tax_id: str) -> Applicant:
    return Applicant(
        first_name="Alice",
        last_name="Archer",
        birth_date=datetime(1990, 5, 17, tzinfo=UTC).date(),
        street="12 Wall Street",
        city="New York",
        region="NY",
        postal_code="10005",
        country="US",
        tax_id=tax_id,
    )


def test_the_sandbox_answers_by_the_tax_id():
    check = PROVIDERS["sandbox"].check
    passport = [DocumentKind.PASSPORT]
    assert check(applicant("123456789"), [], waited=AT_ONCE) == Approved()
    assert isinstance(check(applicant("900000001"), [], waited=AT_ONCE), DocumentsRequired)
    assert check(applicant("900000001"), passport, waited=AT_ONCE) == Approved()
    assert isinstance(check(applicant("900000002"), [], waited=AT_ONCE), Refused)
    assert check(applicant("900000003"), [], waited=AT_ONCE) == Pending(PENDING_FOR)
    assert check(applicant("900000003"), [], waited=PENDING_FOR) == Approved()
    assert isinstance(check(applicant("900000004"), [], waited=AT_ONCE), DocumentsRequired)
    assert isinstance(check(applicant("900000004"), passport, waited=AT_ONCE), Refused)


def test_staff_take_their_time():
    assert PROVIDERS["staff"].check(applicant("123456789"), [], waited=AT_ONCE) == Pending(None)
