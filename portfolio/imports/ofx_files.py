"""OFX 1 (SGML) and OFX 2 (XML): the transactions of investment statements, read by ofxtools.

ofxtools makes a tree of a file by one regular expression. It reads no DTD and expands no entity. It
is under the GPL and not installed with the broker, so it is imported when a file is read.

A statement's positions have neither a cost nor a day. So lots come from its transactions, and the
positions only prove that no transaction is missing. Cash is what the statement says is available.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from xml.etree.ElementTree import Element  # nosec B405  # a node; no file is parsed by it
from xml.sax.saxutils import unescape  # nosec B406  # three fixed entities; it parses nothing

from exchange.simulator.sources.replay.rules.refusals import Problem, Unreadable
from portfolio.imports.rules import amounts, records
from portfolio.imports.rules.records import Action, BadFile, ImportFile, ReadOptions, Record

# Those that move cash only, or a security from one part of the account to another.
_PASSED_OVER = frozenset(
    {"INCOME", "INVBANKTRAN", "INVEXPENSE", "JRNLFUND", "JRNLSEC", "MARGININTEREST"}
)
_BUYS = ("BUYSTOCK", "BUYMF", "BUYDEBT", "BUYOTHER")
_SELLS = ("SELLSTOCK", "SELLMF", "SELLDEBT", "SELLOTHER")
_POSITIONS = ("POSSTOCK", "POSMF", "POSDEBT", "POSOTHER", "POSOPT")
_NO_TRANSACTIONS = frozenset({"DTSTART", "DTEND"})
_ROOT = b"<OFX>"
_CDATA = b"<![CDATA["
_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?", re.ASCII)
_LINE = "line"
# More than any header or statement needs: ofxtools may take long over others, and no other thread
# goes on meanwhile.
_MAX_HEADER = 2_000
_WIDE_GAP = re.compile(rb"\s{33}")
_MAX_DEPTH = 32


def read(content: bytes, options: ReadOptions) -> ImportFile:
    """The records of all investment statements, or of the account that is named.

    Raises BadFile, which names the lines, and ImportError without ofxtools.
    """
    root = _tree(content)
    statements = [each for each in root.iter("INVSTMTRS") if _is_wanted(each, options)]
    if not statements:
        raise BadFile("it has no investment statement (INVSTMTRS) of the account")
    tickers = _tickers(root)
    return _ImportedStatements(tickers).read(statements)


def _tree(content: bytes) -> Element:
    from ofxtools.header import parse_header
    from ofxtools.Parser import OFXTree, TreeBuilder

    _refuse_long_header(content)
    _refuse_joined_cdata(content)

    class LineBuilder(TreeBuilder):
        """Notes at each element in which line it begins, and refuses what does not nest."""

        def __init__(self) -> None:
            super().__init__()
            self.open = _OpenTags()
            self.following = _Following(TreeBuilder.regex)
            self.regex = self.following  # type: ignore[assignment]  # it is asked for matches only

        def feed(self, data: str) -> None:
            # The header has been cut off, and spaces at the end.
            lines = content.partition(_ROOT)[0].count(b"\n")
            self.following.lines_before = lines - data.partition(_ROOT.decode())[0].count("\n")
            super().feed(data)

        def start(self, tag: Any, attrs: Any) -> Element:
            self.open.begin(tag, self.following.line)
            return super().start(tag, {_LINE: str(self.following.line)})

        def end(self, tag: Any) -> Element:
            self.open.end(tag, self.following.line)
            return super().end(tag)

        def close(self) -> Element:
            self.open.require_none()
            return super().close()

    try:
        # By itself first, so that nothing else is read as a header.
        parse_header(io.BytesIO(content.partition(_ROOT)[0]))
        root: Element = OFXTree().parse(io.BytesIO(content), parser=LineBuilder())
    except (SyntaxError, ValueError, LookupError, AssertionError) as error:
        raise BadFile(f"it is no OFX: {str(error)[:100]}") from error
    return root


class _OpenTags:
    """The tags that have begun; what is within one that does not end would be passed over."""

    def __init__(self) -> None:
        self._tags: list[str] = []

    def begin(self, tag: str, line: int) -> None:
        self._tags.append(tag)
        if len(self._tags) > _MAX_DEPTH:
            raise SyntaxError(f"line {line}: its tags are nested too deep")

    def end(self, tag: str, line: int) -> None:
        begun = self._tags.pop() if self._tags else "nothing"
        if begun != tag:
            raise SyntaxError(f"line {line}: {tag[:20]} ends {begun[:20]}")

    def require_none(self) -> None:
        if self._tags:
            raise SyntaxError(f"{self._tags[-1][:20]} does not end")


class _Following:
    """A regular expression that knows in which line its last match has begun."""

    def __init__(self, regex: re.Pattern[str]) -> None:
        self._regex = regex
        self.lines_before = 0
        self.line = 0

    def finditer(self, data: str) -> Iterator[re.Match[str]]:
        self.line, reached = self.lines_before + 1, 0
        for match in self._regex.finditer(data):
            self.line += data.count("\n", reached, match.start())
            reached = match.start()
            yield match


def _refuse_long_header(content: bytes) -> None:
    header, root, _ = content.partition(_ROOT)
    if not root:
        raise BadFile("it is no OFX: it has no <OFX>")
    if len(header) > _MAX_HEADER or _WIDE_GAP.search(header):
        raise BadFile("it is no OFX: its header is too long")


def _refuse_joined_cdata(content: bytes) -> None:
    """ofxtools 1.1 takes all from the first to the last section of a line for one."""
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.count(_CDATA) > 1:
            raise BadFile(f"line {number}: it has two CDATA sections; write one a line")


def _is_wanted(statement: Element, options: ReadOptions) -> bool:
    return options.account in (None, statement.findtext("INVACCTFROM/ACCTID"))


def _tickers(root: Element) -> dict[tuple[str, str], str]:
    """The ticker of each security, by the type and the id that the statements have."""
    return {
        _key(info): unescape(info.findtext("TICKER") or "").strip().upper()
        for info in root.iter("SECINFO")
    }


def _key(of: Element) -> tuple[str, str]:
    return of.findtext("SECID/UNIQUEIDTYPE") or "", of.findtext("SECID/UNIQUEID") or ""


class _ImportedStatements:
    """Reads the statements of a file, whose securities have these tickers."""

    def __init__(self, tickers: Mapping[tuple[str, str], str]) -> None:
        self._tickers = tickers
        self._readers: dict[str, Callable[[Element], Record]] = {
            **dict.fromkeys(_BUYS, self._buy),
            **dict.fromkeys(_SELLS, self._sell),
            "REINVEST": self._reinvest,
            "SPLIT": self._split,
            "TRANSFER": self._transfer,
        }
        self._problems: list[Problem] = []

    def read(self, statements: Sequence[Element]) -> ImportFile:
        transactions = [each for one in statements for each in _transactions(one)]
        positions = [each for one in statements for each in _positions(one)]
        records.require_few(len(transactions) + len(positions))
        read = self._all(transactions, self._record)
        held = self._all(positions, self._position)
        cash = self._all(statements, self._cash)
        records.require_none(self._problems)
        has_positions = any(one.find("INVPOSLIST") is not None for one in statements)
        return ImportFile(
            read, is_history=True, held=held if has_positions else None, cash=sum(cash, Decimal(0))
        )

    def _all(self, elements: Sequence[Element], reader: Callable[[Element], Any]) -> list[Any]:
        found = []
        for each in elements:
            try:
                found.append(reader(each))
            except Unreadable as error:
                self._problems.append(Problem(_line(each), str(error)))
        return found

    def _record(self, element: Element) -> Record:
        if element.tag not in self._readers:
            raise Unreadable(f"{element.tag[:20]} can't be imported")
        if element.findtext(".//REVERSALFITID") is not None:
            raise Unreadable("it takes back another transaction, which can't be imported")
        _require_dollars(element)
        return self._readers[element.tag](element)

    def _buy(self, element: Element) -> Record:
        if element.findtext("BUYTYPE") == "BUYTOCOVER":
            raise Unreadable("it ends a short position, which is not taken over")
        return self._trade(Action.BUY, element, _part(element, "INVBUY"))

    def _sell(self, element: Element) -> Record:
        if element.findtext("SELLTYPE") == "SELLSHORT":
            raise Unreadable("short positions are not taken over")
        return self._trade(Action.SELL, element, _part(element, "INVSELL"))

    def _reinvest(self, element: Element) -> Record:
        return self._trade(Action.REINVEST, element, element)

    def _transfer(self, element: Element) -> Record:
        if element.findtext("TFERACTION") != "OUT":
            raise Unreadable(
                "what was transferred in has no cost here: list its lots in a CSV file"
            )
        return self._made(Action.SELL, element, element, amount=Decimal(0))

    def _trade(self, action: Action, element: Element, of: Element) -> Record:
        """TOTAL has all costs in it, and a sign."""
        return self._made(action, element, of, amount=abs(_number(of, "TOTAL")))

    def _made(self, action: Action, element: Element, of: Element, *, amount: Decimal) -> Record:
        units = abs(_number(of, "UNITS"))
        if not units:
            raise Unreadable("it has no units")
        at, day = _when(element)
        return Record(
            line=_line(element),
            action=action,
            at=at,
            day=day,
            symbol=self._symbol(of),
            quantity=units,
            amount=amount,
        )

    def _split(self, element: Element) -> Record:
        new, old = (abs(_number(element, name)) for name in ("NUMERATOR", "DENOMINATOR"))
        if not new or not old:
            raise Unreadable("its ratio is zero")
        at, day = _when(element)
        return Record(
            line=_line(element),
            action=Action.SPLIT,
            at=at,
            day=day,
            symbol=self._symbol(element),
            ratio=Fraction(new) / Fraction(old),
        )

    def _position(self, element: Element) -> Record:
        of = _part(element, "INVPOS")
        units = _number(of, "UNITS")
        if of.findtext("POSTYPE") == "SHORT" or units < 0:
            raise Unreadable("short positions are not taken over")
        at, day = datetime(1970, 1, 1, tzinfo=UTC), date(1970, 1, 1)
        return Record(
            line=_line(element),
            action=Action.BUY,
            at=at,
            day=day,
            symbol=self._symbol(of),
            quantity=units,
        )

    def _cash(self, statement: Element) -> Decimal:
        if statement.findtext("CURDEF") != "USD":
            raise Unreadable(f"{(statement.findtext('CURDEF') or 'it')[:10]} is no USD")
        balance = statement.find("INVBAL")
        return Decimal(0) if balance is None else _number(balance, "AVAILCASH")

    def _symbol(self, of: Element) -> str:
        key = _key(of)
        ticker = self._tickers.get(key)
        if not ticker:
            raise Unreadable(f"the list of securities has no ticker for {' '.join(key)[:40]}")
        return ticker


def _transactions(statement: Element) -> list[Element]:
    skipped = _PASSED_OVER | _NO_TRANSACTIONS
    return [
        each for found in statement.iter("INVTRANLIST") for each in found if each.tag not in skipped
    ]


def _positions(statement: Element) -> list[Element]:
    return [
        each for found in statement.iter("INVPOSLIST") for each in found if each.tag in _POSITIONS
    ]


def _part(element: Element, tag: str) -> Element:
    found = element.find(tag)
    if found is None:
        raise Unreadable(f"it has no {tag}")
    return found


def _number(of: Element, tag: str) -> Decimal:
    text = of.findtext(tag)
    if text is None:
        raise Unreadable(f"it has no {tag}")
    return amounts.number(text, thousands=False)


def _when(element: Element) -> tuple[datetime, date]:
    """The day as it is written: midnight at Greenwich is another one in New York."""
    text = (element.findtext(".//DTTRADE") or "").strip()
    found = _DAY.match(text)
    if found is None:
        raise Unreadable(f"{text[:20]!r} is no date")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Unreadable(f"{text[:20]!r} is no date") from error
    return at, at.date()


def _require_dollars(element: Element) -> None:
    for currency in (*element.iter("CURRENCY"), *element.iter("ORIGCURRENCY")):
        if currency.findtext("CURSYM") != "USD":
            raise Unreadable(f"{(currency.findtext('CURSYM') or 'it')[:10]} is no USD")


def _line(element: Element) -> int:
    return int(element.get(_LINE, "0"))
