"""What is logged of a customer's requests, and what is never logged."""

import json
import logging
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from be.logs.formatters import JSONFormatter
from exchange.tests.scenes import __name__ as scenes
from exchange.tests.server import LiveServer

PASSWORD = "a canary among pass-phrases"
ACCOUNT_NUMBER = "88776655443322"
DETAILS = {
    "account_holder": "Alice",
    "bank_name": "Bank",
    "account_type": "checking",
    "account_number": ACCOUNT_NUMBER,
    "routing_number": "021000021",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A day over HTTP: its tokens and ids, and the log of it in both forms."""
    return {form: _day(tmp_path_factory.mktemp(form), form) for form in ("json", "text")}


def _day(folder: Path, form: str) -> dict[str, Any]:
    with LiveServer(folder, env={"LOG_FORMAT": form}) as server:
        server.call(f"{scenes}:list_instruments", bids={"AAPL": "190.00"})
        token, secrets = "", []

        def send(step: str, path: str, *, method: str = "POST", **body: Any) -> Any:
            headers = {"X-Request-ID": f"step-{step}", "Content-Type": "application/json"}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            url, data = server.url + path, json.dumps(body).encode()
            request = Request(url, data, headers, method=method)  # noqa: S310 - our own server
            try:
                with urlopen(request, timeout=30) as answer:  # noqa: S310
                    return json.loads(answer.read() or b"{}")
            except HTTPError as refused:
                return json.loads(refused.read())

        person = {"email": "alice@example.com", "password": PASSWORD}
        secrets.append(send("register", "/api/auth/register/", **person)["refresh_token"])
        send("wrong", "/api/auth/login/", email=person["email"], password="not the password")
        tokens = send("login", "/api/auth/login/", **person)
        token = tokens["access_token"]
        secrets += [token, tokens["refresh_token"]]
        account = send("link", "/api/banking/accounts/", **DETAILS)["id"]
        transfer = {"account": account, "amount": "1000.00"}
        send("deposit", "/api/banking/transactions/", type="deposit", **transfer)
        order = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": "1"}
        placed = send("order", "/api/exchange/api/v1/orders/", **order, limit_price="1.00")
        send("cancel", f"/api/exchange/api/v1/orders/{placed['id']}/", method="DELETE")
        send("logout", "/api/auth/logout/", refresh_token=tokens["refresh_token"])
        return {
            "log": server.output,
            "secrets": secrets,
            "order": placed["id"],
            "user": tokens["user"]["id"],
        }


@pytest.fixture
def lines(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the log as JSON; a server says a few things of its own before logging is set up."""
    log: str = told["json"]["log"]
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_each_step_is_told_under_the_id_of_its_request(told: Any, lines: list[dict[str, Any]]):
    told_here = [line for line in lines if line["logger"] == "brokerpro.events"]
    # Mail goes out behind the requests, at any time.
    events = [line for line in told_here if line["message"] != "mail sent"]
    assert [(line["request_id"], line["message"]) for line in events] == [
        ("step-register", "registered"),
        ("step-register", "signed in"),
        ("step-wrong", "sign-in refused"),
        ("step-login", "signed in"),
        ("step-link", "bank account linked"),
        ("step-deposit", "deposit completed"),
        ("step-order", "order new"),
        ("step-cancel", "order canceled"),
        ("step-logout", "sessions ended"),
    ]
    assert {line["user_id"] for line in events if "user_id" in line} == {told["json"]["user"]}
    assert events[5]["amount"] == "1000.00"
    assert events[6]["order_id"] == told["json"]["order"]
    assert all(line["time"].endswith("Z") and line["level"] == "INFO" for line in events)


def test_each_request_has_a_line_with_its_id(lines: list[dict[str, Any]]):
    access = [line for line in lines if line["logger"] == "brokerpro.access"]
    assert [line["message"] for line in access if line["request_id"] == "step-order"] == [
        "POST /api/exchange/api/v1/orders/ 201"
    ]
    assert {line["client"] for line in access} == {"127.0.0.1"}
    assert all(line["milliseconds"] >= 0 for line in access)


def test_as_text_a_line_has_the_same_fields(told: Any):
    line = next(line for line in told["text"]["log"].splitlines() if "order new" in line)
    assert "INFO brokerpro.events [step-order] order new user_id=" in line
    assert f"order_id={told['text']['order']}" in line


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_and_no_account_number_is_told(told: Any, form: str):
    for secret in (PASSWORD, "not the password", ACCOUNT_NUMBER, *told[form]["secrets"]):
        assert secret not in told[form]["log"]
        assert secret.rsplit(".")[-1] not in told[form]["log"]


def test_an_error_stays_one_line_of_json(caplog: pytest.LogCaptureFixture):
    try:
        raise RuntimeError("what went wrong")
    except RuntimeError:
        logging.getLogger("be").exception("It failed.")
    record = caplog.records[-1]
    record.request_id = "r"
    told = JSONFormatter().format(record)
    assert len(told.splitlines()) == 1
    line = json.loads(told)
    assert (line["level"], line["message"]) == ("ERROR", "It failed.")
    assert "what went wrong" in line["exc_info"]


def test_what_django_itself_logs_is_json_too_and_once(tmp_path: Path):
    """With DEBUG on, where Django has a handler of its own; a foreign host is no error."""
    with LiveServer(tmp_path, env={"LOG_FORMAT": "json", "DEBUG": "true"}) as server:
        with pytest.raises(HTTPError):
            urlopen(Request(server.url, headers={"Host": "evil.example"}), timeout=30)  # noqa: S310
        output = server.output
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [line for line in lines if line["level"] not in ("INFO", "DEBUG")] == []
    assert "Traceback" not in output


def test_every_logger_writes_by_the_one_handler():
    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    of_django = [each for each in named if each.name.split(".")[0] == "django"]
    assert {each.name: each.handlers for each in of_django if each.handlers} in (
        {},
        {"django.server": logging.getLogger("django.server").handlers},  # of no server of ours
    )
