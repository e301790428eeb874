"""CORS: in development, pages on any port of this machine; in production, named origins only."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from be.configuration import local_hosts
from be.tests.test_settings import PRODUCTION, start, value_of

STATUS = "/api/exchange/api/v1/status/"
NOBODY_ANSWERS = "/api/nothing/"
LOCAL = ["localhost", "127.0.0.1", "[::1]"]

OWN = [
    "http://localhost:5173",
    "https://localhost",
    "http://app.localhost:3000",
    "http://127.0.0.1:8080",
    "http://127.0.0.9:1",
    "http://[::1]:4200",
]
FOREIGN = [
    "null",
    "http://localhost.evil.example",
    "http://localhost:80@evil.example",
    "http://127.0.0.1.evil.example",
    "http://evil.example?localhost",
    "http://evil.example#.localhost",
    "http://xlocalhost",
    "http://localhost\n",
    "ftp://localhost",
    "http://192.168.1.20:5173",
]


def allowed_origin(client: Client, path: str, origin: str, **headers: str) -> str | None:
    answer = client.get(path, headers={"origin": origin, **headers})
    allowed: str | None = answer.headers.get("Access-Control-Allow-Origin")
    return allowed


@pytest.mark.parametrize("origin", OWN)
def test_in_development_a_page_on_any_port_may_read_answers_and_errors(client: Client, origin: str):
    assert allowed_origin(client, NOBODY_ANSWERS, origin) == origin
    asks = client.options(
        "/api/auth/login/",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,idempotency-key",
        },
    )
    assert asks.status_code == 200
    assert asks["Access-Control-Allow-Origin"] == origin
    assert "idempotency-key" in asks["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("origin", [each for each in FOREIGN if "\n" not in each])
def test_no_other_page_may(client: Client, origin: str):
    assert allowed_origin(client, NOBODY_ANSWERS, origin) is None


@pytest.mark.parametrize("origin", FOREIGN)
def test_what_only_looks_like_a_local_origin_is_none(origin: str):
    assert re.match(local_hosts.origins(LOCAL), origin) is None


def test_hosts_of_the_own_network_count_when_they_are_named():
    pattern = local_hosts.origins([*LOCAL, "192.168.1.20", ".local"])
    for origin in ("http://192.168.1.20:5173", "http://laptop.local:3000"):
        assert re.match(pattern, origin)
    for origin in ("http://192x168.1.20", "http://192.168.1.200", "http://laptop.local.evil.com"):
        assert re.match(pattern, origin) is None


def test_a_refusal_before_any_view_can_be_read_too(client: Client, settings: Any):
    """A redirect to https with a host that is not allowed: refused by the first to look at it."""
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(
        NOBODY_ANSWERS, headers={"origin": "http://localhost:5173", "host": "other.example"}
    )
    assert answer.status_code == 400
    assert answer["Access-Control-Allow-Origin"] == "http://localhost:5173"


@pytest.mark.parametrize(
    ("host", "is_private"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("192.168.1.20", True),
        ("10.0.0.5", True),
        ("172.17.0.1", True),
        ("100.101.102.103", True),  # what VPNs share
        ("[fd00::1]", True),
        ("broker", True),  # a service of Docker Compose
        ("host.docker.internal", True),
        ("laptop.local", True),
        (".local", True),
        ("172.32.0.1", False),
        ("8.8.8.8", False),
        ("[2606:4700::1111]", False),
        ("broker.example", False),
        (".example.com", False),
        ("local.example.com", False),
        ("*", False),
        (".", False),
        ("", False),
    ],
)
def test_what_the_internet_cannot_reach(host: str, is_private: bool):
    assert local_hosts.is_private(host) is is_private


def test_in_development_a_phone_and_other_containers_may_be_named(tmp_path: Path):
    named = {"ALLOWED_HOSTS": "192.168.1.20,broker", "VAR_DIR": str(tmp_path)}
    assert start(**named).returncode == 0
    # And localhost goes on working beside them.
    assert value_of("ALLOWED_HOSTS", **named) == [*LOCAL, "192.168.1.20", "broker"]


def test_in_production_only_origins_that_are_named_are_allowed(tmp_path: Path):
    env = {**PRODUCTION, "VAR_DIR": str(tmp_path)}
    assert value_of("CORS_ALLOWED_ORIGIN_REGEXES", **env) == []
