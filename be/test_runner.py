"""manage.py test: runs the tests with pytest, as `make test` does."""

import importlib.util
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

SELECTION = ("-m", "not servers and not oracle and not clients")
TWO_WORKERS = ("-n", "2", "--dist", "loadgroup")


class PytestRunner:
    """Django's TEST_RUNNER.

    Labels are paths or dotted names: `exchange`, `banking.tests.test_ledger`, `be/tests`.
    """

    def __init__(
        self, *, failfast: bool = False, keyword: str = "", verbosity: int = 1, **_: Any
    ) -> None:
        self._options = [*SELECTION, *TWO_WORKERS]
        self._options += ["--exitfirst"] if failfast else []
        self._options += ["-k", keyword] if keyword else []
        self._options += ["--quiet"] if verbosity == 0 else ["-v"] * (verbosity - 1)

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("-k", dest="keyword", default="", help="as of pytest")

    def run_tests(self, test_labels: Iterable[str]) -> int:
        """Run the tests; 0 if all pass. Raises CommandError where pytest is not installed."""
        if importlib.util.find_spec("pytest") is None:
            raise CommandError("The tools of the tests are not installed. Run: make install")
        import pytest

        return int(pytest.main([*self._options, *(_path(label) for label in test_labels)]))


def _path(label: str) -> str:
    path = Path(settings.BASE_DIR, *label.split("."))
    if path.is_dir():
        return str(path)
    return str(path.with_suffix(".py")) if path.with_suffix(".py").is_file() else label
