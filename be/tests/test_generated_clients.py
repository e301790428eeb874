"""Clients that generators make from a real server's schema, each in a session with that server.

`make test-clients` installs the generators and runs this: they are no part of the ordinary tests.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from exchange.tests.server import LiveServer

pytest.importorskip("openapi_generator_cli", reason="make test-clients installs the generators")
pytestmark = pytest.mark.clients

HERE = Path(__file__).parent / "clients"
NPM_FILES = ("package.json", "package-lock.json", "tsconfig.json", "session.ts")
MINUTES = 5 * 60


@pytest.fixture(scope="module")
def schema(market: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document as a developer would save it."""
    path = tmp_path_factory.mktemp("schema") / "openapi.json"
    address = f"{market.url}/api/schema/?format=json"
    with urllib.request.urlopen(address) as response:  # noqa: S310 - the server under test
        path.write_bytes(response.read())
    assert json.loads(path.read_text())["servers"][0]["url"] == market.url
    return path


def run(*command: object, cwd: Path, path: Path | None = None) -> str:
    """Run it to its end; what it printed, which is also what a failure shows."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=None if path is None else {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=MINUTES,
    )
    assert done.returncode == 0, f"{command[0]}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def tool(name: str) -> Path:
    """A program of a package that is installed beside this Python."""
    return Path(sys.executable).parent / name


def test_typescript_compiles_strictly_and_trades(market, schema, tmp_path):
    npm = shutil.which("npm")
    assert npm, "Install Node 20 or newer, with npm."
    for name in NPM_FILES:
        shutil.copy(HERE / name, tmp_path)
    run(npm, "ci", "--no-audit", "--no-fund", cwd=tmp_path)
    programs = tmp_path / "node_modules" / ".bin"

    run(programs / "openapi-typescript", schema, "-o", "api.d.ts", cwd=tmp_path)
    run(programs / "tsc", "-p", ".", cwd=tmp_path)

    run("node", "session.js", market.url, cwd=tmp_path)


def test_a_client_of_openapi_generator_trades_and_loses_no_field(market, schema, tmp_path):
    generator = [tool("openapi-generator-cli"), "generate", "--generator-name", "python"]
    names = ["--package-name", "brokerpro_client", "--output", tmp_path]
    run(*generator, "--input-spec", schema, *names, cwd=tmp_path)

    run(
        sys.executable,
        HERE / "session_openapi_generator.py",
        market.url,
        cwd=tmp_path,
        path=tmp_path,
    )


def test_the_models_of_datamodel_code_generator_read_every_answer(market, schema, tmp_path):
    run(
        tool("datamodel-codegen"),
        *("--input", schema, "--input-file-type", "openapi"),
        *("--output-model-type", "pydantic_v2.BaseModel", "--disable-warnings"),
        *("--output", tmp_path / "brokerpro_models.py"),
        cwd=tmp_path,
    )

    run(sys.executable, HERE / "session_datamodel.py", market.url, cwd=tmp_path, path=tmp_path)
