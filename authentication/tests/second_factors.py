"""Users with second factors, set up through the API."""

from datetime import datetime
from typing import Any

from rest_framework.test import APIClient

from authentication.rules import totp
from authentication.tests.authenticator import Authenticator
from authentication.tests.factories import PASSWORD

LOGIN = "/api/auth/login/"
FACTOR = "/api/auth/login/factor/"
FACTORS = "/api/auth/factors/"
STEP_UP = "/api/auth/step-up/"


class Phone:
    """An authenticator app, which shows the code of a time."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def code(self, at: datetime) -> str:
        return totp.code_at(self.secret, totp.step_at(at))


def ok(answer: Any, status: int = 200) -> Any:
    """The document of an answer that has this status."""
    assert answer.status_code == status, answer.content
    return answer.json()


def set_up_app(client: APIClient, now: datetime) -> tuple[Phone, list[str]]:
    """A confirmed authenticator app, and the recovery codes that came with it."""
    phone = Phone(ok(client.post(f"{FACTORS}totp/"), 201)["secret"])
    answer = ok(client.post(f"{FACTORS}totp/confirm/", {"code": phone.code(now)}))
    codes: list[str] = answer["recovery_codes"]
    return phone, codes


def set_up_passkey(client: APIClient, **bent: Any) -> Authenticator:
    """A passkey that was added."""
    authenticator = Authenticator(**bent)
    ok(add_passkey(client, authenticator), 201)
    return authenticator


def add_passkey(client: APIClient, authenticator: Authenticator, name: str = "A phone") -> Any:
    """The answer to adding a passkey of this authenticator."""
    options = ok(client.post(f"{FACTORS}passkeys/options/"))["public_key"]
    body = {"name": name, "credential": authenticator.create(options)}
    return client.post(f"{FACTORS}passkeys/", body)


def begin_sign_in(client: APIClient, email: str, password: str = PASSWORD) -> dict[str, Any]:
    """The answer to the right password of a user with a second factor."""
    answer: dict[str, Any] = ok(client.post(LOGIN, {"email": email, "password": password}))
    assert answer["second_factor_required"] is True
    assert "access_token" not in answer
    return answer
