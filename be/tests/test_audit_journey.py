"""A journey of a customer and staff: each step is in the audit log, and none of the secrets."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from authentication.models import AuditEvent, AuditLink, User
from authentication.tests.api_client import client_with
from authentication.tests.factories import UserFactory

PASSWORD, NEW_PASSWORD = "canary-password-one", "canary-password-two"
WRONG, STAFF_PASSWORD = "canary-wrong-password", "canary-of-the-staff"
SET_BY_STAFF = "canary-set-by-staff"
ACCOUNT_NUMBER = "88776655443322"
TAX_ID = "900000001"
PICTURE = b"\x89PNG\r\n\x1a\ncanary-of-a-picture"
BANK = {
    "account_holder": "Alice",
    "bank_name": "Bank",
    "account_type": "checking",
    "account_number": ACCOUNT_NUMBER,
    "routing_number": "021000021",
}
PERSON = {
    "first_name": "Alice",
    "last_name": "Archer",
    "birth_date": "1990-05-17",
    "street": "12 Canary Lane",
    "city": "New York",
    "postal_code": "10005",
    "country": "US",
    "tax_id": TAX_ID,
}
AGENT = "a browser of Alice"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def secrets() -> list[str]:
    """All secrets of the journey; those that the server makes are added."""
    return [
        PASSWORD,
        NEW_PASSWORD,
        WRONG,
        STAFF_PASSWORD,
        SET_BY_STAFF,
        ACCOUNT_NUMBER,
        TAX_ID,
        "canary-of-a-picture",
        "12 Canary Lane",
    ]


@pytest.fixture
def journey(secrets: list[str], caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged meanwhile."""
    caplog.set_level("DEBUG")
    anonymous = APIClient(HTTP_USER_AGENT=AGENT, REMOTE_ADDR="192.0.2.7")

    def post(client: APIClient, path: str, **body: Any) -> Any:
        answer = client.post(f"/api/{path}", body)
        assert answer.status_code < 500
        return answer.json() if answer.content else {}

    person = {"email": "alice@example.com", "password": PASSWORD}
    first = post(anonymous, "auth/register/", **person)
    post(anonymous, "auth/login/", email=person["email"], password=WRONG)
    tokens = post(anonymous, "auth/login/", **person)
    secrets += [first["refresh_token"], tokens["refresh_token"], tokens["access_token"]]
    renewed = post(anonymous, "auth/refresh/", refresh_token=first["refresh_token"])
    post(anonymous, "auth/refresh/", refresh_token=first["refresh_token"])  # a thief
    secrets += [renewed["refresh_token"], renewed["access_token"]]
    alice = client_with(tokens["access_token"])
    key = post(alice, "auth/api-keys/", name="my bot", scopes=["read"])
    secrets.append(key["secret"])
    alice.delete(f"/api/auth/api-keys/{key['id']}/")
    account = post(alice, "banking/accounts/", **BANK)["id"]
    transfer = {"account": account, "amount": "1000.00"}
    post(alice, "banking/transactions/", type="deposit", **transfer)
    post(alice, "banking/transactions/", type="withdrawal", **{**transfer, "amount": "10.00"})
    alice.delete(f"/api/banking/accounts/{account}/")
    post(alice, "auth/identity/", **PERSON)
    file = SimpleUploadedFile("canary.png", PICTURE, "image/png")
    form = {"kind": "passport", "file": file}
    alice.post("/api/auth/identity/documents/", form, format="multipart")
    post(alice, "auth/password/", current_password=PASSWORD, new_password=NEW_PASSWORD)
    for _ in range(10):
        post(anonymous, "auth/login/", email=person["email"], password=WRONG)
    staff_do_their_work(User.objects.get(email="alice@example.com"))
    return caplog.text


def staff_do_their_work(alice: User) -> None:
    boss = UserFactory.create(email="boss@example.com", is_staff=True, is_superuser=True)
    boss.set_password(STAFF_PASSWORD)
    boss.save()
    browser = Client(HTTP_USER_AGENT="a browser of staff")
    login = {"username": boss.email, "password": WRONG}
    browser.post("/admin/login/", login)
    browser.post("/admin/login/", {**login, "password": STAFF_PASSWORD})
    for step in ("freeze", "unfreeze"):
        address = reverse(f"admin:desk_customer_{step}", args=[alice.pk])
        assert browser.post(address, {"reason": "a test"}).status_code == 302
    passwords = {"password1": SET_BY_STAFF, "password2": SET_BY_STAFF}
    address = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert browser.post(address, passwords).status_code == 302
    own = {
        "old_password": STAFF_PASSWORD,
        "new_password1": NEW_PASSWORD,
        "new_password2": NEW_PASSWORD,
    }
    assert browser.post(reverse("admin:password_change"), own).status_code == 302


def test_each_step_is_told(journey: str):
    told = AuditEvent.objects.order_by("link__sequence").values_list("event", flat=True)
    steps = [event for event in told if event != "second factor refused"]
    for each in EXPECTED:
        assert each in steps, each
        steps = steps[steps.index(each) + 1 :]


EXPECTED = [
    "registered",
    "signed in",
    "sign-in refused",
    "signed in",
    "sessions ended",  # the refresh token that came twice
    "API key made",
    "API key revoked",
    "bank account linked",
    "deposit completed",
    "withdrawal completed",
    "bank account unlinked",
    "identity submitted",
    "identity documents required",
    "identity document added",
    "identity approved",
    "password changed",
    "sessions ended",
    "sign-in refused",
    "locked out",
    "sign-in refused",  # in the admin
    "signed in",
    "account frozen",
    "changed by staff",
    "account unfrozen",
    "changed by staff",
    "changed by staff",  # the password that staff has set
    "password changed",
]


def test_who_from_where_and_in_which_request(journey: str):
    alice = User.objects.get(email="alice@example.com")
    refused = AuditEvent.objects.filter(event="sign-in refused").order_by("id").first()
    assert refused is not None
    assert (refused.actor, refused.subject) == (None, alice)
    assert (refused.client, refused.user_agent) == ("192.0.2.7", AGENT)
    assert refused.request_id != "-"
    frozen = AuditEvent.objects.get(event="account frozen")
    assert (frozen.actor, frozen.subject) == (User.objects.get(email="boss@example.com"), alice)
    assert frozen.user_agent == "a browser of staff"


def test_the_log_of_the_journey_is_whole(journey: str):
    assert AuditLink.objects.count() == AuditEvent.objects.count()
    call_command("verify_audit_log", stdout=StringIO())


def test_no_secret_is_told_anywhere(journey: str, secrets: list[str]):
    out = StringIO()
    call_command("export_audit_log", stdout=out)
    with connection.cursor() as cursor:
        rows = ""
        for table in ("authentication_auditevent", "django_admin_log"):
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - one of these two
            rows += json.dumps([list(map(str, row)) for row in cursor.fetchall()])
    places = {"rows": rows, "export": out.getvalue(), "log": journey}
    assert len(secrets) == 15
    found = [
        (place, secret)
        for place, text in places.items()
        for secret in secrets
        if secret in text or secret.rsplit(".")[-1] in text
    ]
    assert found == []
