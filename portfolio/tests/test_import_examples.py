"""docs/import.md is true: each of its files, imported by its command, prints what is below it."""

import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command

from exchange.tests.market import NOW, make_customer, make_instrument, set_quote

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
EXAMPLE = re.compile(
    r"<!-- example: (?P<name>\S+), (?P<prices>[^>]*) -->\n```\w*\n(?P<file>.*?)```\n\n"
    r"```\nmanage\.py import_portfolio (?P<command>.*?)\n(?P<output>.*?)```\n",
    re.DOTALL,
)
EXAMPLES = [found.groupdict() for found in EXAMPLE.finditer(PAGE.read_text())]


def words(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_these_are_all_examples():
    assert [each["name"] for each in EXAMPLES] == [
        "lots.csv",
        "history.csv",
        "u1.ofx",
        "carol.beancount",
    ]
    assert PAGE.read_text().count("<!-- example") == len(EXAMPLES)


@pytest.mark.django_db
@pytest.mark.parametrize("example", EXAMPLES, ids=[each["name"] for each in EXAMPLES])
def test_the_command_prints_what_the_page_says(example, tmp_path, monkeypatch):
    for each in example["prices"].split(", "):
        symbol, price = each.split()
        kind = "crypto" if symbol.endswith("-USD") else "stock"
        set_quote(make_instrument(symbol, kind), price, price)
    make_customer("carol@example.com", dollars="0")
    monkeypatch.chdir(tmp_path)
    Path(example["name"]).write_text(example["file"])

    out = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("import_portfolio", *shlex.split(example["command"]), stdout=out)

    assert words(out.getvalue()) == words(example["output"])
