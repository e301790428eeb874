"""docs/audit.md lists every event that the code records, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from exchange.tests.server import ROOT

PAGE = ROOT / "docs" / "audit.md"
APPS = ("authentication", "banking", "be", "exchange", "portfolio")
# Functions that pass an event on to audit.record, beside that itself.
PASSING_ON = {"_record", "_step"}
EVENT = re.compile(r"[A-Za-z]+(?:[ -][A-Za-z]+)*")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            text = path.read_text()
            if "tests" not in path.parts and "audit.record(" in text:
                yield path, ast.parse(text)


def recorded() -> tuple[set[str], set[str]]:
    """The events in the code: those that stand there, and patterns of those that are composed."""
    plain, composed = set(), set()
    for _, tree in modules():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not _records(call.func):
                continue
            for argument in call.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    plain.add(argument.value)
                if isinstance(argument, ast.JoinedStr):
                    composed.add(_pattern(argument))
    return plain, composed


def _records(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        is_audit = isinstance(function.value, ast.Name) and function.value.id == "audit"
        return is_audit and function.attr == "record"
    return isinstance(function, ast.Name) and function.id in PASSING_ON


def _pattern(text: ast.JoinedStr) -> str:
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[a-z]+"
        for part in text.values
    )


def listed() -> list[str]:
    """The events of the table, each between backticks in the first cell of its row."""
    table = PAGE.read_text().split("## The events")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [event for row in rows for event in re.findall(r"`([^`]+)`", row)]


def test_the_table_has_every_event_of_the_code_and_no_other():
    plain, composed = recorded()
    table = listed()
    assert len(plain) > 20
    assert plain - set(table) == set()
    unknown = [
        event
        for event in table
        if event not in plain and not any(re.fullmatch(each, event) for each in composed)
    ]
    assert unknown == []
    unused = [each for each in composed if not any(re.fullmatch(each, event) for event in table)]
    assert unused == []


def test_the_table_has_each_event_once():
    table = listed()
    assert sorted(table) == sorted(set(table))
    assert [event for event in table if not EVENT.fullmatch(event)] == []


def test_whatever_records_is_read_here():
    """A module that hides its events behind another name would escape the table."""
    for path, tree in modules():
        calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call)]
        assert any(_records(call.func) for call in calls), path
