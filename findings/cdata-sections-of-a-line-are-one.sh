#!/usr/bin/env bash
# Two CDATA sections in one line of OFX: ofxtools takes them, and all between them, for one text.
#
# ofxtools 1.1.
#
# OFX 2 is XML, so a file may be written in one line, and any name or memo may be a CDATA section.
# ofxtools finds the section by `<!\[CDATA\[(?P<cdata>.+)\]\]>`, which goes on to the last `]]>` of
# the line. Two transfers of 10 and 20 dollars, each with such a name, are read as one of 10 whose
# name has the second transfer in it. Nothing is refused: the tags that are swallowed are as many as
# those that are closed. With each transfer in a line of its own both are there.
#
# Output:
#   in one line: 1 of 10, memo 'a]]></MEMO></STMTTRN><STMTTRN><TRNAMT>20</TRNAMT><MEMO><![CDATA[b'
#   in two lines: 2 of 10 20
#   by Python's own XML parser, in one line: 2 of 10 20
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ofxtools==1.1

cat >"$folder/ask.py" <<'PYTHON'
import io
from xml.etree import ElementTree

from ofxtools.Parser import OFXTree

HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" '
    'OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
)


def transfers(between: str) -> str:
    one = "<STMTTRN><TRNAMT>{}</TRNAMT><MEMO><![CDATA[{}]]></MEMO></STMTTRN>"
    return f"<OFX>{between.join(one.format(*each) for each in ((10, 'a'), (20, 'b')))}</OFX>"


def amounts(root) -> str:
    found = [each.findtext("TRNAMT") for each in root.iter("STMTTRN")]
    return f"{len(found)} of {' '.join(found)}"


def read(text: str):
    return OFXTree().parse(io.BytesIO((HEADER + text).encode()))


joined = read(transfers(""))
print(f"in one line: {amounts(joined)}, memo {joined.find('STMTTRN').findtext('MEMO')!r}")
print(f"in two lines: {amounts(read(transfers(chr(10))))}")
print(
    "by Python's own XML parser, in one line:",
    amounts(ElementTree.fromstring(transfers(""))),
)
PYTHON
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
sed -n '/^# Output:/,/^set /s/^#   //p' "$0" | diff - "$folder/seen"
echo "The output is as recorded."
