"""The documentation names what there is, and the repository keeps its own rules of form."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.tests.server import ROOT

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    ROOT / "be/tests/earlier_databases/README.md",
)
APPS = ("authentication", "banking", "be", "exchange", "portfolio")
FOLDERS = (*APPS, "bench", "docs", "examples")
MAX_LINES = 500
SUFFIXES = ("py", "md", "toml", "html", "js", "mjs", "css", "sh", "lock", "png")
PATH = re.compile(
    rf"(?<![\w/.<>{{}}*-])(?:[\w.-]+/)*[\w.-]+\.(?:{'|'.join(SUFFIXES)})(?![\w/.])"
    rf"|(?<![\w/.-])(?:{'|'.join(FOLDERS)})/[\w./-]*"
)
DOTTED = re.compile(rf"(?<![\w/.])(?:{'|'.join(APPS)})(?:\.\w+)+")


def code_spans(page: Path) -> list[str]:
    """What a page has between backticks; its blocks of code are left out."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", prose)


def python_files() -> list[Path]:
    folders = (*APPS, "bench", "docs", "examples")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [*found, *ROOT.glob("*.py")]


def test_the_picture_is_the_one_that_the_import_contracts_give():
    done = subprocess.run(
        [sys.executable, "docs/draw_architecture.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_is_there_from_the_root(page: Path):
    named = {path for span in code_spans(page) for path in PATH.findall(span)}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_dotted_name_of_a_page_is_there(page: Path):
    named = {name for span in code_spans(page) for name in DOTTED.findall(span)}
    assert [name for name in sorted(named) if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether a dotted name is one of a module, or of what is in one."""
    module = name
    rest: list[str] = []
    while True:
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
            if not module:
                return False
            continue
        for attribute in rest:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True


def test_every_module_and_package_says_what_is_in_it():
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.parent.name != "migrations" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_python_file_is_longer_than_five_hundred_lines():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}
