"""Documented commands, one after the other, on a copy where nothing is installed.

A copy of the files, uv, an environment without settings: what `uv sync`, Django's own commands, the
simulator and the image's steps do there. The image itself needs an engine; its steps are the same.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from exchange.tests.server import ROOT, free_port

pytestmark = pytest.mark.servers

SECONDS_TO_INSTALL = 600
STATUS = "/api/exchange/api/v1/status/"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git has, or would have after a commit, in a folder of their own."""
    folder = tmp_path_factory.mktemp("copy")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def environment(**settings: str) -> dict[str, str]:
    """What a shell has, and no setting of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    proxies = {name: os.environ[name] for name in os.environ if name.upper().startswith("UV_")}
    uv = ROOT / ".uv" / "bin"
    return {**kept, **proxies, "PATH": f"{uv}{os.pathsep}{kept['PATH']}", **settings}


def run(folder: Path, command: str, **settings: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_TO_INSTALL,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@contextmanager
def serving(folder: Path, command: str, ready: str, **settings: str) -> Iterator[list[str]]:
    """The command runs until the block ends, then Ctrl+C; its lines, up to the one with `ready`."""
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=folder,
        env=environment(PYTHONUNBUFFERED="1", **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                if ready in line:
                    break
            yield lines
        finally:
            os.killpg(process.pid, signal.SIGINT)
            rest = process.stdout.read()
            assert "Traceback" not in rest, rest


def get(port: int, path: str) -> tuple[int, str]:
    with urlopen(f"http://localhost:{port}{path}", timeout=30) as answer:
        return answer.status, answer.read().decode()


@pytest.mark.xdist_group("fresh copy")
def test_the_commands_of_a_django_project_work(copy: Path):
    run(copy, "uv sync --frozen --quiet")
    assert "Applying exchange.0001_initial" in run(copy, "uv run python manage.py migrate")
    said = run(
        copy,
        "uv run python manage.py createsuperuser --noinput --email me@example.com",
        DJANGO_SUPERUSER_PASSWORD="a long enough pass-phrase",
    )
    assert "Superuser created" in said
    said = run(copy, "uv run python manage.py run_exchange_simulator --interval 0.5 --duration 2")
    assert re.search(r"Stopped after [0-9]+ rounds", said), said
    said = run(copy, "uv run python manage.py test banking.tests.test_assets")
    assert re.search(r"[0-9]+ passed", said), said
    port = free_port()
    command = f"uv run python manage.py runserver {port}"
    with serving(copy, command, "Listening on TCP address"):
        assert get(port, STATUS)[0] == 200
        assert "BrokerPro" in get(port, "/")[1]


@pytest.mark.xdist_group("fresh copy")
def test_the_images_steps_serve_with_the_settings_of_the_readme(copy: Path, tmp_path: Path):
    """Each step of the Dockerfile in the copy, then its CMD with what `docker run` gives it."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    keys = re.search(r"^key\(\) .*\nprintf .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert keys is not None
    run(tmp_path, keys[0])
    given = dict(line.split("=", 1) for line in (tmp_path / "broker.env").read_text().splitlines())
    settings = {"VAR_DIR": str(tmp_path / "data")}
    assert "uv sync --frozen --no-default-groups --no-cache" in dockerfile
    run(copy, "rm -rf .venv && uv sync --frozen --no-default-groups --quiet")
    port = free_port()
    command = f".venv/bin/python manage.py run_broker --host 0.0.0.0 --port {port}"
    assert '"run_broker", "--host", "0.0.0.0"' in dockerfile
    with serving(copy, command, "Ctrl+C stops", DEBUG="False", **given, **settings) as lines:
        assert not [line for line in lines if "ERROR" in line or "paper-money" in line]
        assert "BrokerPro" in get(port, "/")[1]
        for file in ("brokerpro/main.js", "admin/css/base.css"):
            assert get(port, f"/static/{file}")[0] == 200
        assert "csrfmiddlewaretoken" in get(port, "/admin/login/")[1]
