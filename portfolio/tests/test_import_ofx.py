"""OFX 1 and 2: lots by their transactions, proven by the positions; refusals name the line."""

import sys
from datetime import date
from decimal import Decimal

import pytest

from portfolio.imports import files
from portfolio.imports.files import BadImportFile, FileFormat, ReaderMissing
from portfolio.imports.rules import reduction
from portfolio.imports.rules.records import BadFile, ReadOptions
from portfolio.rules.lots import LotMethod
from portfolio.tests import ofx
from portfolio.tests.test_import_csv import LISTED

TODAY = date(2026, 3, 2)
HISTORY = (
    ofx.bought(1, "20240506", "6", "-900.00")
    + ofx.bought(2, "20250602120000.000[-5:EST]", "4", "-400.00")
    + "<INCOME><INVTRAN><FITID>3</FITID><DTTRADE>20250701</DTTRADE></INVTRAN></INCOME>\n"
    + ofx.split(4, "20250801", "2", "1")
    + ofx.sold(5, "20250901", "-5", "1000.00")
    + ofx.reinvested(6, "20251001", "0.5", "-50.00")
)
LEFT = [
    ("AAPL", 7_000_000, 52500, "2024-05-06"),
    ("AAPL", 8_000_000, 40000, "2025-06-02"),
    ("AAPL", 500_000, 5000, "2025-10-01"),
]


def left(content, *, account=None, file_format=None):
    options = ReadOptions(account=account)
    found, file = files.read(content, file_format=file_format, options=options)
    assert found is FileFormat.OFX
    return reduction.reduce(file, LISTED, method=LotMethod.FIFO, renamed={}, today=TODAY)


def rows(found):
    return [(lot.symbol, lot.units, lot.cost_cents, f"{lot.day}") for lot in found.lots]


def refused(content, **options):
    with pytest.raises((BadImportFile, BadFile)) as refusal:
        left(content, **options)
    return str(refusal.value)


@pytest.mark.parametrize("written", [ofx.xml, ofx.sgml])
def test_transactions_leave_their_lots_and_the_statement_its_cash(written):
    found = left(written(HISTORY, positions=ofx.position("15") + ofx.position("0.5")))
    assert rows(found) == LEFT
    assert found.cents == 50000


@pytest.mark.parametrize("written", [ofx.xml, ofx.sgml])
def test_each_lot_names_the_line_of_its_transaction(written):
    content = written(HISTORY)
    lines = content.decode().split("\n")
    assert ["<BUYSTOCK>" in lines[lot.line - 1] for lot in left(content).lots[:2]] == [True, True]
    assert "<REINVEST>" in lines[left(content).lots[2].line - 1]


def test_positions_that_the_transactions_do_not_leave_are_refused():
    says = refused(ofx.xml(HISTORY, positions=ofx.position("20")))
    assert "there are 20.000000 AAPL, and the transactions of the file leave 15.500000" in says
    assert "line 16: " in says
    assert "there are 0.000000 AAPL" in refused(ofx.xml(HISTORY, positions=""))
    assert "leave 0.000000" in refused(ofx.xml("", positions=ofx.position("10")))


@pytest.mark.parametrize(
    ("transaction", "says"),
    [
        (ofx.sold(1, "20240506", "-1", "1"), "it sells 1.000000 AAPL, and there are 0.000000"),
        (ofx.bought(1, "2024", "1", "-1"), "'2024' is no date"),
        (ofx.bought(1, "20241301", "1", "-1"), "'20241301' is no date"),
        (ofx.bought(1, "20270101", "1", "-1"), "2027-01-01 is in the future"),
        (ofx.bought(1, "20240506", "1e9", "-1"), "'1e9' is no number in plain notation"),
        (ofx.bought(1, "20240506", "1,5", "-1"), "1,5 has a comma"),
        (ofx.bought(1, "20240506", "0", "-1"), "it has no units"),
        (ofx.bought(1, "20240506", "1", "-1").replace("TOTAL", "TOTL"), "it has no TOTAL"),
        (
            ofx.bought(1, "20240506", "1", "-1").replace("037833", "99"),
            "the list of securities has no ticker",
        ),
        (
            ofx.bought(1, "20240506", "1", "-1", "<CURRENCY><CURSYM>EUR</CURSYM></CURRENCY>"),
            "EUR is no USD",
        ),
        (
            ofx.bought(1, "20240506", "1", "-1").replace(">BUY<", ">BUYTOCOVER<"),
            "it ends a short position",
        ),
        (ofx.sold(1, "20240506", "-1", "1").replace(">SELL<", ">SELLSHORT<"), "short positions"),
        (ofx.split(1, "20240506", "2", "0"), "its ratio is zero"),
        (ofx.bought(1, "20240506", "1", "-1").replace("BUYSTOCK", "BUYOPT"), "BUYOPT can't be"),
        (
            f"<TRANSFER>{ofx.invtran(1, '20240506')}{ofx.AAPL}<UNITS>1</UNITS>"
            "<TFERACTION>IN</TFERACTION></TRANSFER>\n",
            "what was transferred in has no cost here",
        ),
        (
            ofx.bought(1, "20240506", "1", "-1").replace(
                "</DTTRADE>", "</DTTRADE><REVERSALFITID>9</REVERSALFITID>"
            ),
            "it takes back another transaction",
        ),
    ],
)
def test_a_transaction_that_can_not_be_is_named_by_its_line(transaction, says):
    assert f"line 8: {says}" in refused(ofx.xml(transaction))


def test_what_was_transferred_out_is_gone_and_made_no_gain_here():
    out = (
        f"<TRANSFER>{ofx.invtran(9, '20260101')}{ofx.AAPL}<UNITS>-15</UNITS>"
        "<TFERACTION>OUT</TFERACTION></TRANSFER>\n"
    )
    assert rows(left(ofx.xml(HISTORY + out))) == LEFT[2:]


def test_one_of_several_accounts_can_be_named():
    first, second = (
        ofx.body(ofx.bought(1, "20240506", units, "-1"), account=account)
        for units, account in (("1", "U1"), ("2", "U2"))
    )
    statement = second[second.index("<INVSTMTTRNRS>") : second.index("</INVSTMTMSGSRSV1>")]
    both = first.replace("</INVSTMTMSGSRSV1>", f"{statement}</INVSTMTMSGSRSV1>")
    content = (ofx.XML_HEADER + both).encode()
    assert [lot.units for lot in left(content, account="U2").lots] == [2_000_000]
    assert [lot.units for lot in left(content).lots] == [1_000_000, 2_000_000]
    assert left(content).cents == 100_000
    assert "no investment statement" in refused(content, account="U3")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"currency": "EUR"}, "line 6: EUR is no USD"),
        ({"cash": "-1"}, "its cash ends at -1.00"),
        ({"cash": "1e9"}, "line 6: '1e9' is no number"),
        ({"securities": ""}, "no ticker for CUSIP 037833100"),
        ({"positions": ofx.position("-6")}, "short positions are not taken over"),
        ({"positions": ofx.position("6", "SHORT")}, "short positions are not taken over"),
    ],
)
def test_a_statement_that_can_not_be_taken_over_is_refused(fields, says):
    assert says in refused(ofx.xml(ofx.bought(1, "20240506", "6", "-900.00"), **fields))


@pytest.mark.parametrize(
    "content",
    [
        b"OFXHEADER:100\n",
        b"<OFX>" * 50_000,
        b"OFXHEADER:100" + b"<A" * 100_000,
        ofx.xml(HISTORY)[:-1000],
        ofx.xml(HISTORY).replace(b"<UNITS>", b"<UN\xff\xfe>"),
        ofx.XML_HEADER.encode() + b"<A><![CDATA[" + b"x" * 100_000,
        ofx.XML_HEADER.encode() + b"<OFX></A></B></OFX></C>",
    ],
)
def test_what_is_no_ofx_is_refused(content):
    assert refused(content)


@pytest.mark.parametrize("header", ["x" * 2_001, f"OFXHEADER:100{' ' * 40}DATA:OFXSGML"])
def test_a_header_that_is_longer_or_wider_than_any_is_refused(header):
    content = f"{header}\n{ofx.body(HISTORY)}".encode()
    assert "its header is too long" in refused(content, file_format=FileFormat.OFX)
    assert "it has no <OFX>" in refused(header.encode(), file_format=FileFormat.OFX)


def test_only_what_comes_before_the_first_tag_is_read_as_a_header():
    content = ofx.SGML_HEADER.partition("DATA")[0] + "<OFX>" + ofx.body(HISTORY)
    says = refused(content.encode())
    assert "OFX header is malformed" in says
    assert "<OFX>" not in says


def test_tags_that_nest_deeper_than_in_any_statement_are_refused():
    nested = "<INVSTMTRS>" * 40 + "</INVSTMTRS>" * 40
    says = refused(ofx.xml(HISTORY, securities=nested))
    assert "line 17: its tags are nested too deep" in says


@pytest.mark.parametrize("written", [ofx.xml, ofx.sgml])
def test_an_element_that_does_not_end_passes_nothing_over(written):
    """The next transactions would be within the one that does not end."""
    open_ended = HISTORY.replace("</INVTRAN>", "<MEMO></INVTRAN>", 1)
    assert "INVTRAN ends MEMO" in refused(written(open_ended))
    assert "OFX does not end" in refused(written(HISTORY).replace(b"</OFX>", b""))


def test_no_entity_is_expanded_and_no_file_is_read(tmp_path):
    """ofxtools does not know DTDs: what looks like an entity is text."""
    secret = tmp_path / "secret"
    secret.write_text("AAPL")
    dtd = (
        f'<!DOCTYPE OFX [<!ENTITY a "AAPL"><!ENTITY f SYSTEM "file://{secret}">'
        '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
    )
    for entity in ("&a;", "&b;", "&f;"):
        content = ofx.body(
            ofx.bought(1, "20240506", "6", "-900.00"),
            securities=ofx.security("037833100", entity),
        )
        says = refused((ofx.XML_HEADER + dtd + content).encode())
        assert f"{entity.upper()} is not listed here" in says


def test_two_cdata_sections_in_a_line_are_refused_for_they_would_be_read_as_one():
    names = "<MEMO><![CDATA[a]]></MEMO>"
    transaction = ofx.bought(1, "20240506", "6", "-900.00").replace(
        "</DTTRADE>", f"</DTTRADE>{names}"
    )
    assert rows(left(ofx.xml(transaction))) == [("AAPL", 6_000_000, 90000, "2024-05-06")]
    assert "line 8: it has two CDATA" in refused(ofx.xml(transaction.strip() + transaction))


def test_without_ofxtools_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ofxtools.Parser", None)
    with pytest.raises(ReaderMissing, match="uv sync --group imports"):
        left(ofx.xml(HISTORY))


def test_amounts_are_exact():
    content = ofx.xml(ofx.bought(1, "20240506", "0.123457", "-12.345"), cash="0.00")
    [lot] = left(content).lots
    assert (lot.units, lot.cost_cents) == (123457, 1234)  # half to even
    assert LISTED["AAPL"].asset.amount(lot.units) == Decimal("0.123457")
