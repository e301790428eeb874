"""docs/security.md names tests that are there."""

import re

from exchange.tests.server import ROOT

TEST = re.compile(r"`((?:[a-z]+/)+test_\w+\.py)(?:::(\w+))?`")


def test_each_test_that_proves_a_line_of_the_threat_model_is_there():
    named = TEST.findall((ROOT / "docs" / "security.md").read_text())
    assert len(named) > 40
    for file, test in named:
        text = (ROOT / file).read_text()
        assert not test or re.search(rf"^(async )?def {test}\(", text, re.MULTILINE), (file, test)


def test_each_threat_has_a_test():
    rows = re.findall(
        r"^\| [STRIDE] \|.*$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 30
    assert [row for row in rows if not TEST.search(row)] == []
