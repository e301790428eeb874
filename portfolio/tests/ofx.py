"""OFX files of one investment account, as brokers write them."""

from textwrap import dedent

SGML_HEADER = """\
OFXHEADER:100
DATA:OFXSGML
VERSION:103
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

"""
XML_HEADER = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
"""

SIGNON = """\
<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>
<DTSERVER>20260301120000</DTSERVER><LANGUAGE>ENG</LANGUAGE></SONRS></SIGNONMSGSRSV1>
"""


def security(uid: str, ticker: str) -> str:
    return (
        f"<STOCKINFO><SECINFO><SECID><UNIQUEID>{uid}</UNIQUEID><UNIQUEIDTYPE>CUSIP</UNIQUEIDTYPE>"
        f"</SECID><SECNAME>{ticker}</SECNAME><TICKER>{ticker}</TICKER></SECINFO></STOCKINFO>\n"
    )


AAPL = "<SECID><UNIQUEID>037833100</UNIQUEID><UNIQUEIDTYPE>CUSIP</UNIQUEIDTYPE></SECID>"


def invtran(key: int, day: str, more: str = "") -> str:
    return f"<INVTRAN><FITID>{key}</FITID><DTTRADE>{day}</DTTRADE>{more}</INVTRAN>"


def bought(key: int, day: str, units: str, total: str, more: str = "") -> str:
    return (
        f"<BUYSTOCK><INVBUY>{invtran(key, day)}{AAPL}<UNITS>{units}</UNITS>"
        f"<UNITPRICE>1</UNITPRICE><TOTAL>{total}</TOTAL>{more}<SUBACCTSEC>CASH</SUBACCTSEC>"
        "<SUBACCTFUND>CASH</SUBACCTFUND></INVBUY><BUYTYPE>BUY</BUYTYPE></BUYSTOCK>\n"
    )


def sold(key: int, day: str, units: str, total: str) -> str:
    return (
        f"<SELLSTOCK><INVSELL>{invtran(key, day)}{AAPL}<UNITS>{units}</UNITS>"
        f"<UNITPRICE>1</UNITPRICE><TOTAL>{total}</TOTAL><SUBACCTSEC>CASH</SUBACCTSEC>"
        "<SUBACCTFUND>CASH</SUBACCTFUND></INVSELL><SELLTYPE>SELL</SELLTYPE></SELLSTOCK>\n"
    )


def split(key: int, day: str, new: str, old: str) -> str:
    return (
        f"<SPLIT>{invtran(key, day)}{AAPL}<SUBACCTSEC>CASH</SUBACCTSEC><OLDUNITS>1</OLDUNITS>"
        f"<NEWUNITS>1</NEWUNITS><NUMERATOR>{new}</NUMERATOR><DENOMINATOR>{old}</DENOMINATOR>"
        "</SPLIT>\n"
    )


def reinvested(key: int, day: str, units: str, total: str) -> str:
    return (
        f"<REINVEST>{invtran(key, day)}{AAPL}<INCOMETYPE>DIV</INCOMETYPE><TOTAL>{total}</TOTAL>"
        f"<SUBACCTSEC>CASH</SUBACCTSEC><UNITS>{units}</UNITS><UNITPRICE>1</UNITPRICE></REINVEST>\n"
    )


def position(units: str, kind: str = "LONG") -> str:
    return (
        f"<POSSTOCK><INVPOS>{AAPL}<HELDINACCT>CASH</HELDINACCT><POSTYPE>{kind}</POSTYPE>"
        f"<UNITS>{units}</UNITS><UNITPRICE>190</UNITPRICE><MKTVAL>1</MKTVAL>"
        "<DTPRICEASOF>20260301</DTPRICEASOF></INVPOS></POSSTOCK>\n"
    )


def body(
    transactions: str,
    *,
    positions: str | None = None,
    cash: str = "500.00",
    account: str = "U1",
    currency: str = "USD",
    securities: str | None = None,
) -> str:
    """A whole response; the first line of the transactions is the 6th."""
    listed = security("037833100", "AAPL") if securities is None else securities
    held = "" if positions is None else f"<INVPOSLIST>\n{positions}</INVPOSLIST>\n"
    return (
        f"<OFX>\n{SIGNON}<INVSTMTMSGSRSV1><INVSTMTTRNRS><TRNUID>1</TRNUID><INVSTMTRS>"
        f"<DTASOF>20260301</DTASOF><CURDEF>{currency}</CURDEF><INVACCTFROM><BROKERID>b</BROKERID>"
        f"<ACCTID>{account}</ACCTID></INVACCTFROM>\n<INVTRANLIST><DTSTART>20200101</DTSTART>"
        f"<DTEND>20260301</DTEND>\n{transactions}</INVTRANLIST>\n{held}"
        f"<INVBAL><AVAILCASH>{cash}</AVAILCASH><MARGINBALANCE>0</MARGINBALANCE>"
        "<SHORTBALANCE>0</SHORTBALANCE></INVBAL></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1>\n"
        f"<SECLISTMSGSRSV1><SECLIST>\n{listed}</SECLIST></SECLISTMSGSRSV1></OFX>\n"
    )


def xml(*args: str, **fields: str) -> bytes:
    return (XML_HEADER + body(*args, **fields)).encode()


def sgml(*args: str, **fields: str) -> bytes:
    """Elements without end tags, as OFX 1 may write them."""
    import re

    text = re.sub(r"(<([A-Z0-9]+)>[^<\n]+)</\2>", r"\1\n", body(*args, **fields))
    return (dedent(SGML_HEADER) + text).encode("cp1252")
