"""What is tried on any site: forged forms, foreign hosts, redirects, cookies, caches, log lines."""

import json
import logging
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from rest_framework.test import APIClient

from authentication.models import User
from authentication.tests.api_client import signed_in_client
from authentication.tests.factories import PASSWORD, UserFactory
from be.logs.formatters import TextFormatter
from be.tests.test_schema_of_answers import operations
from be.tests.test_settings import PRODUCTION
from exchange.tests import market
from exchange.tests.conftest import aapl, alice, client, now  # noqa: F401 - fixtures
from exchange.tests.server import ROOT

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]


@pytest.fixture
def root() -> User:
    user: User = UserFactory.create(email="root@example.com", is_staff=True, is_superuser=True)
    return user


def sign_in(browser: Client, *, to: str = "/admin/") -> Any:
    form = {"username": "root@example.com", "password": PASSWORD, "next": to}
    return browser.post(f"{LOGIN}?next={to}", form)


@pytest.mark.parametrize("to", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(root, to):
    answer = sign_in(Client(), to=to)
    assert answer.status_code == 302
    where = urlsplit(answer.headers["Location"])
    assert (where.scheme, where.netloc) == ("", "")
    assert where.path.startswith("/admin/")


@pytest.mark.parametrize("path", ["/", "/api/schema/", LOGIN, "/api/asyncapi/"])
def test_a_foreign_host_is_refused_and_not_repeated(path):
    answer = Client().get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.text


def test_a_host_that_the_client_adds_is_not_believed():
    answer = Client().get("/api/schema/?format=json", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in answer.text


def test_a_session_of_the_admin_is_none_of_the_api(root):
    browser = Client()
    assert sign_in(browser).status_code == 302
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/api/auth/me/").status_code == 401
    order = browser.post("/api/exchange/api/v1/orders/", "{}", content_type="application/json")
    assert order.status_code == 401


def test_a_form_of_another_site_is_carried_out_by_nobody(root):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(root)
    answer = browser.post("/admin/logout/", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert browser.get("/admin/").status_code == 200


def test_a_cookie_of_the_admin_is_for_no_script_and_no_other_site(root):
    browser = Client()
    browser.get(LOGIN)
    sign_in(browser)
    assert {"sessionid", "csrftoken"} == {*browser.cookies}
    for cookie in browser.cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
    assert not browser.cookies["sessionid"]["max-age"]  # it goes with the browser


def test_in_production_cookies_need_tls_and_no_other_host_can_set_them(tmp_path):
    script = (
        "from django.conf import settings as s; import json; print(json.dumps("
        "[s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, "
        "s.CSRF_COOKIE_SECURE]))"
    )
    settings = {
        **PRODUCTION,
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "be.settings",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**kept, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["__Host-sessionid", "__Host-csrftoken", True, True]


def test_no_cache_keeps_what_is_somebodys_own(client: APIClient, aapl):  # noqa: F811
    """A shared cache keeps nothing of the API, and a browser only what has an ETag."""
    for method, path, _ in operations():
        if method != "get" or "{" in path:
            continue
        query = {"symbol": "AAPL"} if path.endswith("/statistics/") else {}
        answer = client.get(path, query)
        assert answer.status_code == 200, path
        directives = {each.strip() for each in answer.headers["Cache-Control"].split(",")}
        assert directives & {"no-store", "private"}, path
        assert ("ETag" in answer.headers) or directives == {"no-store"}, path


def test_no_cache_keeps_tokens_or_refusals():
    market.make_customer("alice@example.com")
    body = {"email": "alice@example.com", "password": "a long enough pass-phrase"}
    for sent in (body, {**body, "password": "wrong"}):
        answer = APIClient().post("/api/auth/login/", sent)
        assert answer.headers["Cache-Control"] == "no-store"


def test_no_other_site_reads_with_the_cookies_of_this_one(settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    headers = {"Origin": "https://app.example"}
    answer = Client().get("/api/exchange/api/v1/status/", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/api/banking/statement/", "/api/portfolio/form-8949/"])
def test_a_table_is_saved_and_not_shown(path):
    mine = signed_in_client(market.make_customer("alice@example.com"))
    answer = mine.get(path, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nobody_writes_lines_of_the_log_by_what_they_send():
    path = "/api/x\n2026-01-01T00:00:00.000000Z INFO brokerpro.events [-] signed in user_id=1"
    record = logging.makeLogRecord({"msg": f"Not Found: {path}", "levelname": "WARNING"})
    record.request_id = "-"
    record.fields = {"path": f"{path}\x1b[2J\u2028", "agent": 'a" b=c', "status": 404}
    line = TextFormatter().format(record)
    assert line.isprintable()
    assert line.endswith(" status=404")
    assert "\\n2026" in line.partition("path=")[2]
    assert 'agent="a\\" b=c"' in line
