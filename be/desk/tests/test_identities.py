"""Staff decide about identities in the admin, and open documents as files."""

import pytest
from django.urls import reverse

from authentication.models import AuditEvent, IdentityApplication, IdentityDocument, User
from be.desk.tests.conftest import PICTURE, desk_of

pytestmark = pytest.mark.usefixtures("now")


def address(application, step):
    return reverse(f"admin:authentication_identityapplication_{step}", args=[application.pk])


@pytest.fixture
def application(everything):
    """Approved, by the sandbox."""
    return IdentityApplication.objects.get()


def test_compliance_takes_an_approval_back_with_a_reason(application, everything):
    answer = desk_of("compliance").post(address(application, "refuse"), {"reason": "A forgery"})
    assert answer.status_code == 302
    application.refresh_from_db()
    assert (application.status, application.reason) == ("refused", "A forgery")
    event = AuditEvent.objects.filter(event="identity refused").get()
    assert event.actor == User.objects.get(email="compliance@example.com")
    assert event.subject == everything.alice


def test_compliance_approves_what_waits(application, everything):
    IdentityApplication.objects.update(status="submitted", decided_at=None)
    assert desk_of("compliance").post(address(application, "approve")).status_code == 302
    application.refresh_from_db()
    assert application.status == "approved"


def test_what_is_not_possible_now_is_a_message(application):
    desk = desk_of("compliance")
    answer = desk.post(address(application, "approve"), follow=True)
    assert "It is not the time for that" in answer.content.decode()


def test_a_document_is_a_file_to_save_and_each_look_is_told(application):
    document = IdentityDocument.objects.get()
    link = reverse("admin:authentication_identitydocument_content", args=[document.pk])
    desk = desk_of("compliance")
    page = desk.get(
        reverse("admin:authentication_identityapplication_change", args=[application.pk])
    )
    assert link in page.content.decode()
    assert "900000001" not in page.content.decode()
    answer = desk.get(link)
    assert answer.content == PICTURE
    assert answer["Content-Disposition"] == 'attachment; filename="passport.png"'
    assert AuditEvent.objects.filter(event="identity document opened").count() == 1
    assert desk_of("auditor").get(link).status_code == 403
