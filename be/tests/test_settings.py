"""Production refuses to start when it is misconfigured, and says what to set."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "k7" * 30,
    "ALLOWED_HOSTS": "broker.example",
    "BANKING_ENCRYPTION_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
}


def start(**env: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py check` in an environment that has nothing but this."""
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
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


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"BANKING_ENCRYPTION_KEY": ""}, "BANKING_ENCRYPTION_KEY"),
        ({"BANKING_ENCRYPTION_KEY": "not-a-key"}, "BANKING_ENCRYPTION_KEY"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"WEB_CONCURRENCY": "2"}, "REDIS_URL"),
        ({"DATABASE_URL": "mysql://localhost/x"}, "DATABASE_URL"),
        (
            {
                "DATABASE_URL": "postgresql://localhost/x",
                "DATABASE_POOL_SIZE": "19",
                "HTTP_THREADS": "16",
            },
            "DATABASE_POOL_SIZE",
        ),
        ({"HTTP_THREADS": "0"}, "HTTP_THREADS"),
        ({"REFRESH_GRACE_SECONDS": "-1"}, "REFRESH_GRACE_SECONDS"),
        ({"REFRESH_GRACE_SECONDS": "61"}, "REFRESH_GRACE_SECONDS"),
    ],
)
def test_what_is_missing_or_unsafe_is_named(tmp_path: Path, change: dict[str, str], names: str):
    done = start(**{**PRODUCTION, **change}, VAR_DIR=str(tmp_path))
    assert done.returncode != 0
    assert names in done.stderr.strip().splitlines()[-1] + done.stderr


def test_every_variable_stands_in_the_example_with_its_default():
    settings = (ROOT / "be" / "settings.py").read_text()
    example = (ROOT / ".env.example").read_text()
    read = {
        part.split('"')[1]
        for part in settings.split("env.")[1:]
        if part.startswith(("str(", "int(", "float(", "bool(", "list("))
    }
    listed = {line.lstrip("#").split("=")[0] for line in example.splitlines() if "=" in line[:40]}
    assert len(read) > 20
    assert read - listed == set()
