"""Beancount: what asset accounts end with, by their own booking; no directive is carried out."""

import sys
from datetime import date

import pytest

from portfolio.imports import beancount_child, beancount_files, files
from portfolio.imports.files import BadImportFile, FileFormat, ReaderMissing
from portfolio.imports.rules import reduction
from portfolio.imports.rules.records import BadFile, ReadOptions
from portfolio.rules.lots import LotMethod
from portfolio.tests.test_import_csv import LISTED

LEDGER = """
option "title" "Carol"
2020-01-01 open Assets:Broker:Cash USD
2020-01-01 open Assets:Broker:Shares AAPL "FIFO"
2020-01-01 open Assets:Bank USD
2020-01-01 open Income:Gains
2020-01-01 open Equity:Opening

2024-01-02 * "Salary"
  Assets:Bank           9000.00 USD
  Equity:Opening

2024-01-03 * "Deposit"
  Assets:Broker:Cash    5000.00 USD
  Assets:Bank          -5000.00 USD

2024-05-06 * "Bought"
  Assets:Broker:Shares  6 AAPL {150.00 USD}
  Assets:Broker:Cash

2025-06-02 * "Bought"
  Assets:Broker:Shares  4 AAPL {{400.01 USD}}
  Assets:Broker:Cash

2025-09-01 * "Sold"
  Assets:Broker:Shares -2 AAPL {} @ 200.00 USD
  Assets:Broker:Cash    400.00 USD
  Income:Gains
"""


def left(text, *, account=None):
    found, file = files.read(text.encode(), file_format=None, options=ReadOptions(account=account))
    assert found is FileFormat.BEANCOUNT
    return reduction.reduce(file, LISTED, method=LotMethod.LIFO, renamed={}, today=date(2026, 3, 2))


def rows(found):
    return [(lot.symbol, lot.units, lot.cost_cents, f"{lot.day}", lot.line) for lot in found.lots]


def refused(text, **options):
    with pytest.raises((BadImportFile, BadFile)) as refusal:
        left(text, **options)
    return str(refusal.value)


def test_the_lots_that_its_own_booking_leaves_are_taken_with_their_cost_day_and_line():
    found = left(LEDGER, account="Assets:Broker")
    assert rows(found) == [
        ("AAPL", 4_000_000, 60000, "2024-05-06", 18),
        ("AAPL", 4_000_000, 40001, "2025-06-02", 22),
    ]
    assert found.cents == 409_999  # 5000 - 900 - 400.01 + 400
    assert left(LEDGER).cents == 809_999
    assert rows(left(LEDGER, account="Assets:Broker:Shares")) == rows(found)
    assert left(LEDGER, account="Assets:Brok").lots == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('plugin "beancount.plugins.auto"', "line 30: plugin is not carried out"),
        ('include "other.beancount"', "line 30: include is not carried out"),
        ("2025-01-01 pad Assets:Bank Equity:Opening", "line 30: pad is not carried out"),
        ('2025-01-01 document Assets:Bank "/etc/hostname"', "line 30: document is not"),
        ("2025-01-01 nonsense", "line 30: Invalid token"),
        ("2025-09-02 *\n  Assets:Broker:Shares -9 AAPL {}\n  Income:Gains", "line 30: Not enough"),
        ("2025-09-02 *\n  Assets:Bank 5 USD", "line 30: Transaction does not balance"),
        ("2025-09-02 balance Assets:Bank 1.00 USD", "line 30: Balance failed for 'Assets:Bank'"),
        (
            "2025-09-02 *\n  Assets:Bank 5 EUR\n  Equity:Opening",
            "line 31: 5 EUR are left that have",
        ),
        (
            "2025-09-02 *\n  Assets:Broker 1 AAPL {5 EUR}\n  Equity:Opening",
            "line 31: AAPL has a cost in EUR",
        ),
        ("2025-09-02 *\n  Assets:Broker 1 XYZ {5 USD}\n  Equity:Opening", "XYZ is not listed"),
        ("2030-09-02 *\n  Assets:Broker 1 AAPL {5 USD}\n  Equity:Opening", "in the future"),
        (
            "2030-09-02 *\n  Assets:Bank 5 USD\n  Equity:Opening",
            "line 31: 2030-09-02 is in the future",
        ),
        (
            "2030-09-02 *\n  Assets:Broker:Shares -1 AAPL {}\n  Equity:Opening",
            "line 31: 2030-09-02 is in the future",
        ),
        (
            "1969-12-31 *\n  Assets:Old 5 USD\n  Equity:Opening",
            "line 31: 1969-12-31 is before 1970",
        ),
        (
            "2025-09-02 *\n  Assets:Broker 1e5 AAPL {5 USD}\n  Equity:Opening",
            "line 31: Invalid token",
        ),
        (
            f"2025-09-02 *\n  Assets:Broker {'9' * 99} AAPL {{5 USD}}\n  Equity:Opening",
            "line 31: 1.000000000000000000 is too large",
        ),
        ("2025-09-02 *\n  Assets:Bank -90000 USD\n  Equity:Opening", "dollars end at -81900.01"),
    ],
)
def test_what_can_not_be_taken_is_named_by_its_line(more, says):
    found = refused(f"{LEDGER}\n{more}\n")
    assert says in found


def test_a_plugin_is_not_imported_and_an_include_is_not_read(tmp_path, monkeypatch):
    """Neither by us nor by beancount's parser, whatever is written in front of it."""
    ran = tmp_path / "ran"
    (tmp_path / "harmless_plugin.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    other = tmp_path / "other.beancount"
    other.write_text('2020-01-01 * "x"\n  Assets:Bank 7 USD\n  Equity:Opening\n')
    for line in (
        'plugin "harmless_plugin"',
        f'include "{other}"',
        'option "insert_pythonpath" "True"\nplugin "harmless_plugin"',
    ):
        assert "is not carried out" in refused(f"{LEDGER}\n{line}\n")
        # If our own look at the lines missed it, the parser would tell.
        monkeypatch.setattr(beancount_files, "_refuse_what_is_not_done", lambda text: None)
        assert "not carried out" in refused(f"{LEDGER}\n{line}\n")
        monkeypatch.undo()
        monkeypatch.syspath_prepend(str(tmp_path))
    assert not ran.exists()
    assert "harmless_plugin" not in sys.modules


def test_a_ledger_of_too_many_postings_is_refused():
    more = "2025-01-01 *\n" + "  Assets:Bank 1 USD\n  Equity:Opening -1 USD\n" * 1500
    assert "more than 3000 directives or postings" in refused(f"{LEDGER}\n{more}")


def test_a_process_that_ends_while_it_reads_ends_no_other(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setattr(beancount_child, "__file__", str(child))
    assert "can't read it" in refused(LEDGER)


def test_what_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(beancount_files, "SECONDS", 0.001)
    assert "too long" in refused(LEDGER)


def test_without_beancount_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "beancount", None)
    with pytest.raises(ReaderMissing, match="uv sync --group imports"):
        left(LEDGER)
