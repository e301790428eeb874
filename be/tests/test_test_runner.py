"""manage.py test runs the tests with pytest."""

import re
from pathlib import Path

import pytest

from be.tests.processes import finished
from exchange.tests.server import LiveServer


@pytest.mark.parametrize("label", ["banking.tests.test_assets", "banking/tests/test_assets.py"])
def test_a_label_is_a_dotted_name_or_a_path(tmp_path: Path, label: str):
    status, output = finished(LiveServer(tmp_path), "manage.py", "test", label, "-k", "test_assets")
    assert status == 0, output
    assert int(re.findall(r"(\d+) passed", output)[-1]) > 5


def test_a_label_that_finds_nothing_is_no_success(tmp_path: Path):
    status, output = finished(LiveServer(tmp_path), "manage.py", "test", "no/such/test.py")
    assert status != 0
    assert "no tests ran" in output
