"""Production refuses to start when it is misconfigured, and says what to set."""

import base64
import json
import os
import random
import secrets
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from be.configuration.environment import is_guessable

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DEBUG": "false",
    "EMAIL_URL": "smtp+tls://broker:secret@mail.example:587",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "broker.example",
    "BANKING_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "IDENTITY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}


def start(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Python with these arguments, or `manage.py check`, in an environment of nothing but this."""
    return subprocess.run(
        [sys.executable, *(command or ("manage.py", "check"))],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def value_of(setting: str, **env: str) -> Any:
    """What the settings make of such an environment."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import json; from be import settings; print(json.dumps(settings.{setting}))",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_with_nothing_set_it_starts_for_development(tmp_path: Path):
    assert start(VAR_DIR=str(tmp_path)).returncode == 0


def test_a_whole_production_configuration_starts(tmp_path: Path):
    done = start(**PRODUCTION, VAR_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


NACHA = {
    "BANK_RAIL": "nacha",
    "NACHA_COMPANY_NAME": "Example Broker",
    "NACHA_COMPANY_ID": "1234567890",
    "NACHA_DESTINATION": "021000021",
    "NACHA_DESTINATION_NAME": "First Example Bank",
}


def test_a_broker_whose_money_moves_by_files_starts(tmp_path: Path):
    done = start(**PRODUCTION, **NACHA, VAR_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


KEY = PRODUCTION["BANKING_ENCRYPTION_KEY"]
WEAK_KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
SHORT_KEY = base64.urlsafe_b64encode(b"k" * 31).decode()


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        ("SECRET_KEY", {"SECRET_KEY": ""}),
        ("SECRET_KEY", {"SECRET_KEY": "short"}),
        ("SECRET_KEY", {"SECRET_KEY": "a" * 60}),
        ("SECRET_KEY", {"SECRET_KEY": "aB3xQ7%." * 8}),
        ("SECRET_KEY", {"SECRET_KEY": "abababc" * 10}),
        ("SECRET_KEY", {"SECRET_KEY": "changeme-changeme-insecure-please-change-this-before-use"}),
        ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "*"}),
        ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "https://broker.example"}),
        ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "broker.example:443"}),
        ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "::1"}),
        ("ALLOWED_HOSTS", {"DEBUG": "true"}),
        ("BANK_RAIL", {"BANK_RAIL": "wire"}),
        ("NACHA_COMPANY_ID", {"BANK_RAIL": "nacha"}),
        ("NACHA_COMPANY_NAME", {**NACHA, "NACHA_COMPANY_NAME": "a name of 17 lett"}),
        ("NACHA_COMPANY_NAME", {**NACHA, "NACHA_COMPANY_NAME": "Bröker"}),
        ("NACHA_DESTINATION", {**NACHA, "NACHA_DESTINATION": "021000022"}),
        ("NACHA_DESTINATION_NAME", {**NACHA, "NACHA_DESTINATION_NAME": " "}),
        ("NACHA_ORIGIN", {**NACHA, "NACHA_ORIGIN": "12345678901"}),
        ("NACHA_ODFI", {**NACHA, "NACHA_ODFI": "123"}),
        ("NACHA_CUTOFF", {"NACHA_CUTOFF": "5 pm"}),
        ("NACHA_CUTOFF", {"NACHA_CUTOFF": "25:00"}),
        ("DEPOSIT_HOLD_DAYS", {"DEPOSIT_HOLD_DAYS": "-1"}),
        ("MICRO_DEPOSIT_TRIES", {"MICRO_DEPOSIT_TRIES": "0"}),
        ("BANKING_ENCRYPTION_KEY", {"BANKING_ENCRYPTION_KEY": ""}),
        ("BANKING_ENCRYPTION_KEY", {"BANKING_ENCRYPTION_KEY": "not-a-key"}),
        ("BANKING_ENCRYPTION_KEY", {"BANKING_ENCRYPTION_KEY": SHORT_KEY}),
        ("BANKING_ENCRYPTION_KEY", {"BANKING_ENCRYPTION_KEY": WEAK_KEY}),
        ("BANKING_ENCRYPTION_KEY", {"BANKING_ENCRYPTION_KEY": f"{KEY},{KEY}"}),
        ("BANKING_ENCRYPTION_KEY", {"BANKING_ENCRYPTION_KEY": f"{KEY},"}),
        ("IDENTITY_ENCRYPTION_KEY", {"IDENTITY_ENCRYPTION_KEY": ""}),
        ("IDENTITY_ENCRYPTION_KEY", {"IDENTITY_ENCRYPTION_KEY": "not-a-key"}),
        ("IDENTITY_ENCRYPTION_KEY", {"IDENTITY_ENCRYPTION_KEY": WEAK_KEY}),
        ("EMAIL_URL", {"EMAIL_URL": ""}),
        ("EMAIL_URL", {"EMAIL_URL": "mail.example:587"}),
        ("EMAIL_URL", {"EMAIL_URL": "http://mail.example"}),
        ("EMAIL_URL", {"EMAIL_URL": "smtp://"}),
        ("EMAIL_URL", {"EMAIL_URL": "smtp://broker:pa/ss@mail.example:587"}),
        ("EMAIL_URL", {"EMAIL_URL": "file://"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "broker.example"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "https://broker.example/"}),
        ("REQUIRE_VERIFIED_EMAIL", {"REQUIRE_VERIFIED_EMAIL": "perhaps"}),
        ("SIGN_UPS_PER_ADDRESS", {"SIGN_UPS_PER_ADDRESS": "0"}),
        ("REDIS_URL", {"WEB_CONCURRENCY": "2"}),
        ("REDIS_URL", {"REDIS_URL": "localhost:6379"}),
        ("REDIS_URL", {"REDIS_URL": "http://localhost:6379"}),
        ("REDIS_URL", {"REDIS_URL": "redis://localhost:port"}),
        ("REDIS_URL", {"REDIS_URL": "redis://localhost/first"}),
        ("DATABASE_URL", {"DATABASE_URL": "mysql://localhost/x"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgresql://localhost"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgresql://u:pa/ss@localhost:5432/x"}),
        ("DATABASE_URL", {"DATABASE_URL": "sqlite:////no/such/folder/x.sqlite3"}),
        ("DATABASE_URL", {"DATABASE_URL": "sqlite:///"}),
        (
            "DATABASE_POOL_SIZE",
            {
                "DATABASE_URL": "postgresql://localhost/x",
                "DATABASE_POOL_SIZE": "19",
                "HTTP_THREADS": "16",
            },
        ),
        ("DATABASE_POOL_SIZE", {"DATABASE_POOL_SIZE": "0"}),
        ("SQLITE_LOCK_SECONDS", {"SQLITE_LOCK_SECONDS": "0"}),
        ("HTTP_THREADS", {"HTTP_THREADS": "0"}),
        ("HTTP_THREADS", {"HTTP_THREADS": "many"}),
        ("HTTP_QUEUE", {"HTTP_QUEUE": "-1"}),
        ("HTTP_QUEUE_SECONDS", {"HTTP_QUEUE_SECONDS": "0"}),
        ("HTTP_QUEUE_SECONDS", {"HTTP_QUEUE_SECONDS": "nan"}),
        ("ACCESS_TOKEN_LIFETIME_SECONDS", {"ACCESS_TOKEN_LIFETIME_SECONDS": "0"}),
        ("REFRESH_TOKEN_LIFETIME_SECONDS", {"REFRESH_TOKEN_LIFETIME_SECONDS": "9" * 30}),
        ("SIMULATOR_INTERVAL_SECONDS", {"SIMULATOR_INTERVAL_SECONDS": "0"}),
        ("SIMULATOR_INTERVAL_SECONDS", {"SIMULATOR_INTERVAL_SECONDS": "-1"}),
        ("SIMULATOR_INTERVAL_SECONDS", {"SIMULATOR_INTERVAL_SECONDS": "inf"}),
        ("SIMULATOR_LEASE_SECONDS", {"SIMULATOR_LEASE_SECONDS": "0"}),
        ("WEBSOCKET_HEARTBEAT_SECONDS", {"WEBSOCKET_HEARTBEAT_SECONDS": "0"}),
        ("QUOTE_MAX_AGE_SECONDS", {"QUOTE_MAX_AGE_SECONDS": "1,5"}),
        ("MARKET_ORDER_COLLAR_PERCENT", {"MARKET_ORDER_COLLAR_PERCENT": "100"}),
        ("RISK_FREE_RATE", {"RISK_FREE_RATE": "4"}),
        ("RISK_FREE_RATE", {"RISK_FREE_RATE": "4 %"}),
        ("CANDLE_RETENTION_DAYS_1M", {"CANDLE_RETENTION_DAYS_1M": "7"}),
        ("CANDLE_RETENTION_DAYS_1H", {"CANDLE_RETENTION_DAYS_1H": "999999"}),
        ("EXCHANGE_MARKET_HOURS", {"EXCHANGE_MARKET_HOURS": "ture"}),
        ("DEBUG", {"DEBUG": ""}),
        ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "nginx"}),
        ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "10.0.0.0/33"}),
        ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "0.0.0.0/0"}),
        ("CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "app.example.com"}),
        ("CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "https://app.example.com/"}),
        ("CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "https://*.example.com"}),
        ("CSRF_TRUSTED_ORIGINS", {"CSRF_TRUSTED_ORIGINS": "app.example.com"}),
        ("LOG_LEVEL", {"LOG_LEVEL": "LOUD"}),
        ("ENV_FILE", {"ENV_FILE": "/no/such.env"}),
        ("VAR_DIR", {"VAR_DIR": "/dev/null/var"}),
        ("REFRESH_GRACE_SECONDS", {"REFRESH_GRACE_SECONDS": "-1"}),
        ("REFRESH_GRACE_SECONDS", {"REFRESH_GRACE_SECONDS": "61"}),
    ],
)
def test_what_cannot_work_is_refused_in_three_lines(
    tmp_path: Path, setting: str, change: dict[str, str]
):
    env = {**PRODUCTION, "VAR_DIR": str(tmp_path), **change}
    done = start("-c", "from be import settings", **env)
    assert (done.returncode, done.stdout) == (1, "")
    first, fault, remedy = done.stderr.splitlines()
    assert first == f"The broker can't start: {setting} can't be used."
    assert fault.endswith(".")
    assert remedy
    # What may be secret is not repeated.
    secret = {
        "SECRET_KEY",
        "BANKING_ENCRYPTION_KEY",
        "IDENTITY_ENCRYPTION_KEY",
    } & change.keys()
    assert not any(len(change[name]) > 9 and change[name] in done.stderr for name in secret)
    assert "pa/ss" not in done.stderr


PORT = "1"  # nobody gets as far as that
ENTRY_POINTS = {
    "daphne": ("-m", "daphne", "-p", PORT, "be.asgi:application"),
    "uvicorn": ("-m", "uvicorn", "--port", PORT, "be.asgi:application"),
    "run_broker": ("manage.py", "run_broker", "--port", PORT),
    "runserver": ("manage.py", "runserver", PORT),
    "runserver --noreload": ("manage.py", "runserver", "--noreload", PORT),
    "run_exchange_simulator": ("manage.py", "run_exchange_simulator"),
    "migrate": ("manage.py", "migrate"),
    "seed_market": ("manage.py", "seed_market"),
    "check_ledger": ("manage.py", "check_ledger"),
    "createsuperuser": ("manage.py", "createsuperuser"),
}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_a_key_that_is_none_stops_every_entry_point(tmp_path: Path, entry_point: str):
    """In development too, where it would be found out by the first bank account."""
    done = start(
        *ENTRY_POINTS[entry_point], VAR_DIR=str(tmp_path), BANKING_ENCRYPTION_KEY="not-a-key"
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "The broker can't start: BANKING_ENCRYPTION_KEY can't be used.",
        "Key 1 of the ring is not URL-safe base64.",
        "Make one: python -c "
        '"import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"',
    ]


def test_a_file_of_settings_that_is_no_text_is_named(tmp_path: Path):
    (tmp_path / "odd.env").write_bytes(b"SECRET_KEY=\xff\xfe")
    done = start(VAR_DIR=str(tmp_path), ENV_FILE=str(tmp_path / "odd.env"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "The broker can't start: ENV_FILE can't be used."


def test_old_keys_of_the_ring_may_be_weak_or_nothing_could_be_rotated(tmp_path: Path):
    done = start(
        **{**PRODUCTION, "BANKING_ENCRYPTION_KEY": f"{KEY},{WEAK_KEY}"}, VAR_DIR=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path):
    empty = dict.fromkeys(("HTTP_THREADS", "ALLOWED_HOSTS", "REDIS_PORT", "LOG_LEVEL"), "")
    done = start(**empty, VAR_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


@given(st.binary(min_size=32, max_size=32), st.integers(0, 10**6))
def test_keys_made_by_chance_are_never_refused(secret: bytes, seed: int):
    chance = random.Random(seed)
    assert not is_guessable(chance.randbytes(32))
    assert not is_guessable("".join(chance.choices(string.hexdigits, k=50)))
    assert is_guessable(secret[:1] * 32)
    assert is_guessable(secret[:10] * 5)


def test_every_variable_stands_in_the_example_with_its_default():
    settings = (ROOT / "be" / "settings.py").read_text()
    example = (ROOT / ".env.example").read_text()
    read = {
        part.split('"')[1]
        for part in settings.split("env.")[1:]
        if part.startswith(("str(", "int(", "float(", "bool(", "list(", "choice("))
    }
    listed = {line.lstrip("#").split("=")[0] for line in example.splitlines() if "=" in line[:40]}
    assert len(read) > 20
    assert read - listed == set()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"DEBUG": "true", "ALLOWED_HOSTS": "", "EMAIL_URL": ""}, [False, True]),
        ({}, [True, True]),
        ({"REQUIRE_VERIFIED_EMAIL": "false"}, [False, True]),
        ({"REQUIRE_VERIFIED_EMAIL": "false", "EMAIL_URL": ""}, [False, False]),
    ],
)
def test_emails_are_verified_in_production_unless_it_is_set_otherwise(
    tmp_path: Path, change: dict[str, str], expected: list[bool]
):
    env = {**PRODUCTION, "VAR_DIR": str(tmp_path), **change}
    names = ("REQUIRE_VERIFIED_EMAIL", "SENDS_MAIL")
    assert [value_of(name, **env) for name in names] == expected


def test_without_a_way_to_send_mail_production_says_both_ways_out(tmp_path: Path):
    done = start(**{**PRODUCTION, "EMAIL_URL": ""}, VAR_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "smtp+tls://" in done.stderr
    assert "REQUIRE_VERIFIED_EMAIL=false" in done.stderr


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp+tls://me%40b.example:p%40ss@mail.example", 587, "EMAIL_USE_TLS"),
        ("smtps://mail.example:4650", 4650, "EMAIL_USE_SSL"),
    ],
)
def test_a_mail_server_is_one_url(tmp_path: Path, url: str, port: int, tls: str):
    env = {**PRODUCTION, "VAR_DIR": str(tmp_path), "EMAIL_URL": url}
    assert value_of("EMAIL_HOST", **env) == "mail.example"
    assert value_of("EMAIL_PORT", **env) == port
    assert value_of(tls, **env) is True


@pytest.mark.parametrize(
    ("change", "public", "sender"),
    [
        ({}, "https://broker.example", "BrokerPro <no-reply@broker.example>"),
        ({"ALLOWED_HOSTS": ""}, "http://localhost:8000", "BrokerPro <no-reply@localhost>"),
        (
            {"PUBLIC_URL": "https://b.example"},
            "https://b.example",
            "BrokerPro <no-reply@b.example>",
        ),
    ],
)
def test_links_in_mails_lead_to_a_set_address(
    tmp_path: Path, change: dict[str, str], public: str, sender: str
):
    env = {**PRODUCTION, "VAR_DIR": str(tmp_path), **change}
    assert value_of("PUBLIC_URL", **env) == public
    assert value_of("EMAIL_FROM", **env) == sender
