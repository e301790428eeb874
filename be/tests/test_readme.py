"""The README's tour, run as it stands there."""

import re
import subprocess

import pytest

from exchange.tests.server import ROOT, LiveServer


@pytest.mark.xdist_group("broker")
def test_the_five_minute_tour_works_as_pasted(broker: LiveServer):
    readme = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- tour -->\n```bash\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    tour = found[1].replace("http://localhost:8000", broker.url)
    assert broker.url in tour
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    price, bought, balance, canceled, totals, _, *rounds = done.stdout.strip().splitlines()
    assert float(price) > 0
    assert (bought, canceled) == ("filled", "canceled")
    assert "'held': '20.05'" in balance
    assert "'equity'" in totals
    assert len(rounds) == 3


def test_every_file_that_the_documentation_links_to_is_there():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()):
        if target not in ("and", "alone"):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
