"""Know your customer through the API, by the sandbox and by staff, and what it gates."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from authentication import identity, restrictions
from authentication.identity import IdentityDecisionRefused
from authentication.models import AuditEvent, IdentityApplication, IdentityDocument, User
from authentication.restrictions import IdentityNotVerified
from authentication.rules.identity import DocumentKind
from authentication.rules.identity_providers.sandbox import PENDING_FOR
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import UserFactory
from authentication.tests.problems import assert_problem

URL = "/api/auth/identity/"
DOCUMENTS = "/api/auth/identity/documents/"
TAX_ID = "123-45-6789"
STATED = {
    "first_name": "Alice",
    "last_name": "Archer",
    "birth_date": "1990-05-17",
    "street": "12 Wall Street",
    "city": "New York",
    "region": "NY",
    "postal_code": "10005",
    "country": "US",
}
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture of a passport"

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(alice: User) -> APIClient:
    return signed_in_client(alice)


@pytest.fixture
def officer(db: None) -> User:
    return UserFactory.create(email="officer@example.com", is_staff=True)


@pytest.fixture
def by_staff(settings: Any) -> None:
    settings.IDENTITY_PROVIDER = "staff"


def apply(client: APIClient, tax_id: str = TAX_ID, **changes: Any) -> Any:
    return client.post(URL, {**STATED, "tax_id": tax_id, **changes})


def send(client: APIClient, content: bytes = PNG, kind: str = "passport") -> Any:
    file = SimpleUploadedFile("passport of alice.png", content, "image/png")
    return client.post(DOCUMENTS, {"kind": kind, "file": file}, format="multipart")


def events() -> list[str]:
    found = AuditEvent.objects.filter(event__startswith="identity").order_by("id")
    return list(found.values_list("event", flat=True))


def test_before_an_application_nothing_is_known(client: APIClient):
    answer = client.get(URL).json()
    assert answer["status"] == "not_started"
    assert answer["birth_date"] is None


def test_the_sandbox_approves_at_once(client: APIClient, alice: User):
    answer = apply(client)
    assert answer.status_code == 201
    assert answer.json() | STATED == answer.json()
    assert answer.json()["status"] == "approved"
    assert answer.json()["tax_id_last4"] == "6789"
    assert client.get(URL).json() == answer.json()
    alice.refresh_from_db()
    assert alice.identity_verified_at is not None
    assert events() == ["identity submitted", "identity approved"]


def test_a_document_is_asked_for_then_it_is_approved(client: APIClient):
    asked = apply(client, "900-00-0001").json()
    assert asked["status"] == "documents_required"
    assert asked["documents_asked"] == ["passport", "driving_licence"]
    answer = send(client)
    assert answer.status_code == 201
    assert answer.json()["status"] == "approved"
    assert answer.json()["documents_asked"] == []
    (document,) = answer.json()["documents"]
    assert (document["kind"], document["media_type"], document["size"]) == (
        "passport",
        "image/png",
        len(PNG),
    )
    assert identity.content_of(IdentityDocument.objects.get()) == PNG


def test_a_refused_customer_reads_why_and_may_apply_again(client: APIClient, alice: User):
    answer = apply(client, "900-00-0002").json()
    assert (answer["status"], answer["reason"]) == (
        "refused",
        "The tax id is not of a person of this name.",
    )
    alice.refresh_from_db()
    assert alice.identity_verified_at is None
    assert apply(client).json()["status"] == "approved"


def test_applications_are_bounded(client: APIClient):
    for _ in range(identity.MAX_APPLICATIONS):
        assert apply(client, "900-00-0002").status_code == 201
    assert_problem(apply(client), status=409, code="too_many_identity_applications")


def test_one_that_is_pending_is_approved_by_looking_or_by_the_round(client: APIClient, alice: User):
    assert apply(client, "900-00-0003").json()["status"] == "submitted"
    later = timezone.now() + PENDING_FOR
    assert identity.settle_due(now=later - timedelta(seconds=3)) == 0
    assert identity.settle_due(now=later) == 1
    assert client.get(URL).json()["status"] == "approved"
    assert identity.settle_due(now=later) == 0


def test_looking_asks_again(client: APIClient, alice: User):
    apply(client, "900-00-0003")
    found = identity.current(alice, now=timezone.now() + PENDING_FOR)
    assert found is not None
    assert found.status == "approved"


def test_a_document_can_be_refused(client: APIClient):
    apply(client, "900-00-0004")
    assert send(client).json()["status"] == "refused"


def test_one_application_at_a_time(client: APIClient, by_staff: None):
    apply(client)
    assert_problem(apply(client), status=409, code="identity_application_exists")
    assert IdentityApplication.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"birth_date": "2020-01-01"}, 422, "too_young"),
        ({"birth_date": "2999-01-01"}, 400, "invalid"),
        ({"birth_date": "1800-01-01"}, 400, "invalid"),
        ({"birth_date": "17.5.1990"}, 400, "invalid"),
        ({"tax_id": "12345"}, 400, "invalid"),
        ({"country": "us"}, 400, "invalid"),
        ({"first_name": "12"}, 400, "invalid"),
        ({"last_name": "Arch\u202eer"}, 400, "invalid"),
        ({"street": ""}, 400, None),
        ({"status": "approved"}, 400, None),
    ],
)
def test_what_can_not_be_is_refused(
    client: APIClient, changes: dict[str, str], status: int, code: str | None
):
    (field,) = changes
    answer = client.post(URL, {**STATED, "tax_id": TAX_ID, **changes})
    assert answer.status_code == status
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    if code == "too_young":
        assert answer.json()["code"] == code
    assert not IdentityApplication.objects.exists()


@pytest.mark.parametrize(
    ("content", "kind", "status", "field"),
    [
        (b"<html>", "passport", 400, "file"),
        (b"", "passport", 400, "file"),
        (PNG, "proof_of_address", 400, "kind"),
        (PNG, "selfie", 400, "kind"),
        (PNG + b"x" * identity.MAX_DOCUMENT_BYTES, "passport", 413, "file"),
    ],
)
def test_a_document_that_is_none_is_refused(
    client: APIClient, content: bytes, kind: str, status: int, field: str
):
    apply(client, "900-00-0001")
    answer = send(client, content, kind)
    assert answer.status_code == status
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not IdentityDocument.objects.exists()


def test_a_document_is_only_taken_when_it_is_asked_for(client: APIClient):
    assert send(client).status_code == 404
    apply(client)
    assert_problem(send(client), status=409, code="no_document_wanted")


def test_nobody_sees_the_application_of_another(client: APIClient, bob: User):
    apply(client)
    assert signed_in_client(bob).get(URL).json()["status"] == "not_started"


def test_the_tax_id_and_documents_are_stored_encrypted_and_shown_nowhere(
    client: APIClient, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    apply(client, "900-00-0001")
    send(client)
    with connection.cursor() as cursor:
        for table in ("identityapplication", "identitydocument", "auditevent"):
            cursor.execute(f"SELECT * FROM authentication_{table}")  # noqa: S608
            stored = b" ".join(
                bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                for row in cursor.fetchall()
                for value in row
            )
            for secret in (b"900000001", b"900-00-0001", b"a picture of a passport", b"of alice"):
                assert secret not in stored
    assert "900000001" not in client.get(URL).content.decode() + caplog.text


def test_staff_decide_where_they_are_the_provider(
    client: APIClient, alice: User, officer: User, by_staff: None
):
    assert apply(client).json()["status"] == "submitted"
    application = IdentityApplication.objects.get()
    now = timezone.now()
    kinds = (DocumentKind.PROOF_OF_ADDRESS,)
    identity.ask_for_documents(actor=officer, application_id=application.pk, kinds=kinds, now=now)
    assert client.get(URL).json()["documents_asked"] == ["proof_of_address"]
    assert send(client, kind="proof_of_address").json()["status"] == "submitted"
    identity.approve(actor=officer, application_id=application.pk, now=now)
    assert client.get(URL).json()["status"] == "approved"
    identity.refuse(actor=officer, application_id=application.pk, reason="a forgery", now=now)
    assert client.get(URL).json()["reason"] == "a forgery"
    alice.refresh_from_db()
    assert alice.identity_verified_at is None
    decided = AuditEvent.objects.filter(actor=officer).order_by("id")
    assert [(each.event, each.before, each.after) for each in decided] == [
        (
            "identity documents required",
            {"status": "submitted"},
            {"status": "documents_required"},
        ),
        ("identity approved", {"status": "submitted"}, {"status": "approved"}),
        ("identity refused", {"status": "approved"}, {"status": "refused"}),
    ]


def test_nobody_decides_about_themselves_nor_twice(
    client: APIClient, alice: User, officer: User, by_staff: None
):
    apply(client)
    key, now = IdentityApplication.objects.get().pk, timezone.now()
    with pytest.raises(IdentityDecisionRefused):
        identity.approve(actor=alice, application_id=key, now=now)
    identity.approve(actor=officer, application_id=key, now=now)
    with pytest.raises(IdentityDecisionRefused):
        identity.approve(actor=officer, application_id=key, now=now)


def test_the_gates_open_with_the_approval(client: APIClient, alice: User, settings: Any):
    restrictions.require_may_trade(alice)
    settings.KYC_REQUIRED = True
    for gate in (restrictions.require_may_trade, restrictions.require_may_transfer):
        with pytest.raises(IdentityNotVerified):
            gate(alice)
    order = {"symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1"}
    answer = client.post("/api/exchange/api/v1/orders/", order)
    assert_problem(answer, status=403, code="identity_not_verified")
    apply(client)
    alice.refresh_from_db()
    restrictions.require_may_trade(alice)
    restrictions.require_may_transfer(alice)


@pytest.mark.django_db(transaction=True)
def test_of_racing_applications_one_is_made(alice: User, settings: Any):
    settings.IDENTITY_PROVIDER = "staff"
    clients = [signed_in_client(alice) for _ in range(4)]
    start, answers = threading.Barrier(4), []

    def go(client: APIClient) -> None:
        start.wait(10)
        answers.append(apply(client).status_code)
        connection.close()

    workers = [threading.Thread(target=go, args=[client]) for client in clients]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(answers) == [201, 409, 409, 409]
    assert IdentityApplication.objects.count() == 1
