"""What is said of known holes in packages: what nobody could be asked about is not called clean."""

import importlib.util
import json
from types import ModuleType

import pytest

from exchange.tests.server import ROOT


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
UNKNOWN = {"name": "channels", "skip_reason": "Dependency not found on PyPI"}
HOLE = {
    "name": "pyjwt",
    "version": "2.0.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.15.0"]}],
}


@pytest.mark.parametrize("text", ["", "no network", report(UNKNOWN), report()])
@pytest.mark.parametrize(("if_reachable", "status"), [(True, 0), (False, 3)])
def test_nobody_who_answers_is_said_and_fails_the_weekly_run(audit, text, if_reachable, status):
    found, said = audit.conclude(audit.read(text), if_reachable=if_reachable)
    assert found == status
    assert "NOT AUDITED" in said


def test_what_is_known_is_told_from_what_is_not(audit):
    found, said = audit.conclude(audit.read(report(CLEAN, UNKNOWN)), if_reachable=True)
    assert found == 0
    assert "1 packages have no known holes" in said
    assert "not audited: channels" in said


@pytest.mark.parametrize("if_reachable", [True, False])
def test_a_hole_fails_either_run_with_the_version_that_has_it_no_more(audit, if_reachable):
    found, said = audit.conclude(audit.read(report(CLEAN, HOLE)), if_reachable=if_reachable)
    assert found == 1
    assert "pyjwt 2.0.0: PYSEC-1, fixed in 2.15.0" in said


def test_a_hole_that_is_answered_is_passed_over_by_any_of_its_names(audit, monkeypatch):
    monkeypatch.setitem(audit.ANSWERED, "CVE-1", "Its function is not called here.")
    assert audit.conclude(audit.read(report(HOLE)), if_reachable=False)[0] == 0
