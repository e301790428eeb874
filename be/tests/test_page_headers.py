"""Headers of pages: what they may load and do, and who may show them; the API has none of them."""

from collections.abc import Iterator

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver

from authentication.tests.api_client import signed_in_client
from be.pages import policies
from be.serving.short_way import PAGES_ONLY
from exchange.tests import market

pytestmark = pytest.mark.django_db

ADMIN_LOGIN = "/admin/login/"
# Documents that are no pages.
DOCUMENTS = {"/api/asyncapi/", "/.well-known/jwks.json"}


def policy_of(response) -> dict[str, list[str]]:
    """The directives of a response's policy, by their names."""
    directives = (each.split() for each in response.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


def pages() -> list[str]:
    """Every path that is answered by a page, and not by the API; of the admin, its login."""

    def paths(patterns, prefix: str = "/") -> Iterator[str]:
        for each in patterns:
            here = prefix + str(each.pattern)
            if here.startswith("/admin/"):
                yield ADMIN_LOGIN
            elif isinstance(each, URLResolver):
                yield from paths(each.url_patterns, here)
            elif not hasattr(each.callback, "cls") and "^" not in here:
                yield here

    return sorted({*paths(get_resolver().url_patterns)} - DOCUMENTS)


def test_these_are_pages():
    assert {"/", "/api/docs/", "/api/redoc/", "/api/asyncapi/docs/", ADMIN_LOGIN} <= {*pages()}


@pytest.mark.parametrize("path", pages())
def test_a_page_loads_nothing_from_elsewhere_and_is_in_nobodys_frame(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = policy_of(answer)
    assert policy["default-src"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    sources = {source for each in policy.values() for source in each}
    assert not {source for source in sources if "." in source or "*" in source or "//" in source}
    assert "'unsafe-inline'" not in policy["script-src"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "publickey-credentials-get=(self)" in answer.headers["Permissions-Policy"]
    assert "Content-Security-Policy-Report-Only" not in answer.headers


@pytest.mark.parametrize("path", [path for path in pages() if not path.startswith("/api/")])
def test_only_documentation_and_the_admin_have_another_policy_than_the_strict_one(client, path):
    strict = policy_of(client.get(path)) == policies.STRICT
    assert strict is not path.startswith("/admin/")


@pytest.mark.parametrize("path", [path for path in pages() if path != ADMIN_LOGIN])
def test_nothing_is_unsafe_outside_of_the_admin(client, path):
    assert "unsafe" not in client.get(path).headers["Content-Security-Policy"]


def test_errors_and_html_among_the_static_files_have_the_strict_policy(client, settings):
    settings.DEBUG = False
    assert policy_of(client.get("/nothing/")) == policies.STRICT
    file = "drf_spectacular_sidecar/swagger-ui-dist/oauth2-redirect.html"
    assert finders.find(file)
    assert policy_of(client.get(f"/static/{file}")) == policies.STRICT


def test_a_form_of_another_site_is_told_so_by_a_page_without_inline_style(settings):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(ADMIN_LOGIN, {"username": "a@example.com", "password": "x"})
    assert answer.status_code == 403
    assert "not accepted" in answer.text
    assert "<style" not in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/api/banking/balances/", "/api/exchange/api/v1/market-data/current_prices/", "/api/nothing/"],
)
def test_an_answer_of_the_api_bears_no_headers_of_pages(path):
    client = signed_in_client(market.make_customer("alice@example.com"))
    answer: HttpResponse = client.get(path)
    for name in ("Content-Security-Policy", "Permissions-Policy", "Cross-Origin-Resource-Policy"):
        assert name not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_requests_to_the_api_pass_by_the_middleware_of_pages():
    assert "be.serving.page_headers.PageHeaders" in PAGES_ONLY
