"""An account statement on paper, made of the document that JSON shows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from be.kernel.refusals import Refusal
from portfolio.api.pdf import lettering, pages
from portfolio.api.pdf.lettering import BOLD, PLAIN
from portfolio.api.pdf.pages import ACCENT, GRAY, LEFT, RIGHT, ROW, WARNING, Column, Pages

BROKER = "BrokerPro"
FOOTING = "Simulated money: no real money, security or bank is behind this statement."
MIDDLE = (LEFT + RIGHT) / 2

Document = Mapping[str, Any]

_EQUITY = {
    "opening": "Opening equity",
    "net_deposits": "Deposits less withdrawals",
    "income": "Income",
    "realized_gains": "Realized gains",
    "unrealized_gains": "Change in unrealized gains",
    "fees": "Fees",
    "other": "Other",
    "closing": "Closing equity",
}
_CASH = {
    "opening": "Opening cash",
    "deposits": "Deposits",
    "withdrawals": "Withdrawals",
    "returned_deposits": "Returned deposits",
    "transfers_in": "From another broker",
    "adjustments": "Adjustments",
    "deliveries": "Securities from there",
    "purchases": "Purchases, with fees",
    "sales": "Sales, less fees",
    "redemptions": "Redemptions",
    "dividends": "Dividends",
    "coupons": "Coupons",
    "reversals": "Payments taken back",
    "other": "Other",
    "closing": "Closing cash",
}
_WORDS = {
    "fifo": "first in, first out",
    "lifo": "last in, first out",
    "hifo": "highest cost first",
    "average": "average cost",
    "deposit_return": "Returned deposit",
    "transfer_in": "From another broker",
    "reversal": "Taken back",
}
_WITH_FEES = (
    "Fees are part of the cost of a purchase and are taken off the proceeds of a sale.",
    "Fees are in no cost and no proceeds, and so in no gain.",
)
_NOTES = (
    "Times and days are in UTC. The statement has what was booked after the midnight that begins "
    "the period, up to and at the one that ends it.",
    "Positions are valued at the last price known at the end. The value of a bond includes accrued "
    "interest, and its price is for 100 of face value.",
    "{fees} A gain is long-term if its lot was held for more than a year, by days in New York.",
    "Quantities and prices are in the shares of their time. What is corrected later is in the "
    "statement of the period in which it is corrected.",
)
_PRELIMINARY = "Preliminary: more may be booked in this period. Figures as of {}."


# About 400 pages, which take two seconds.
MAX_ROWS = 20_000
_TABLES = (
    "holdings",
    "trades",
    "transfers",
    "deliveries",
    "income",
    "corporate_actions",
    "realized",
)


class StatementTooLong(Refusal):
    """A PDF would have more rows than anybody turns pages for."""

    code = "statement_too_long"
    title = "The statement is too long for a PDF"


def written(document: Document) -> bytes:
    """The PDF of a statement. Raises StatementTooLong."""
    rows = sum(len(document[name]) for name in _TABLES)
    if rows > MAX_ROWS:
        raise StatementTooLong(
            f"It has {rows} rows, and a PDF has up to {MAX_ROWS}. Ask for format=csv or a month."
        )
    title = f"Account statement {_period_name(document)}"
    account = document["account"]
    return pages.written(
        partial(_draw, document=document),
        title=title,
        author=BROKER,
        heading=f"{BROKER}  \u00b7  {title}  \u00b7  {account['holder'] or account['email']}",
        footing=FOOTING,
    )


def _draw(sheet: Pages, *, document: Document) -> None:
    _heading(sheet, document)
    _summary(sheet, document)
    _sums(sheet, document)
    _holdings(sheet, document["holdings"])
    _trades(sheet, document["trades"])
    _transfers(sheet, document["transfers"])
    if document["deliveries"]:
        _deliveries(sheet, document["deliveries"])
    _income(sheet, document["income"])
    if document["corporate_actions"]:
        _corporate_actions(sheet, document["corporate_actions"])
    _realized(sheet, document["realized"], document["realized_gains"])
    _notes(sheet, _WITH_FEES[0 if document["fees_in_cost"] else 1])


# The first page ---------------------------------------------------------------------------------


def _heading(sheet: Pages, document: Document) -> None:
    account, y = document["account"], sheet.y
    sheet.text(LEFT, y - 12, BROKER, font=BOLD, size=20, color=ACCENT)
    sheet.text(RIGHT, y, "Account statement", size=9, color=GRAY, is_right=True)
    sheet.text(RIGHT, y - 15, _period_name(document), font=BOLD, size=13, is_right=True)
    sheet.rule(y - 26, is_strong=True)
    y -= 48
    _owner(sheet, account, y)
    for line, (name, value) in enumerate(_particulars(document)):
        sheet.text(MIDDLE + 60, y - 14 * line, name, size=9, color=GRAY)
        sheet.text(RIGHT, y - 14 * line, value, size=9, is_right=True)
    sheet.y = y - 68
    if document["preliminary"]:
        as_of = f"{_day_name(_time(document['as_of']))}, {document['as_of'][11:16]} UTC"
        sheet.text(LEFT, sheet.y, _PRELIMINARY.format(as_of), font=BOLD, size=9, color=WARNING)
        sheet.y -= 20


def _owner(sheet: Pages, account: Mapping[str, str], y: float) -> None:
    """Name and address of the holder; a long name has two lines."""
    room = MIDDLE + 40 - LEFT
    holder = lettering.shown(account["holder"] or account["email"])
    first, *others = lettering.wrapped(holder, BOLD, 11, room)
    for line in (first, " ".join(others)):
        sheet.text(LEFT, y, lettering.fitted(line, BOLD, 11, room), font=BOLD, size=11)
        y -= 15 if line else 0
    if account["holder"]:
        email = lettering.fitted(lettering.shown(account["email"]), PLAIN, 9, room)
        sheet.text(LEFT, y, email, size=9, color=GRAY)


def _particulars(document: Document) -> Iterable[tuple[str, str]]:
    first = _time(document["start"])
    last = _time(document["end"]) - timedelta(days=1)
    yield "From", _day_name(first)
    yield "To", _day_name(last)
    yield "Lots sold", _WORDS[document["lot_method"]]
    yield "Currency", "US dollars"


def _summary(sheet: Pages, document: Document) -> None:
    equity = document["equity"]
    sheet.box(sheet.y - 38, 52)
    third = (RIGHT - LEFT) / 3
    for place, (name, amount) in enumerate(
        (
            ("Opening equity", _money(equity["opening"])),
            ("Gains and income", _money(_gained(document))),
            ("Closing equity", _money(equity["closing"])),
        )
    ):
        x, room = LEFT + 14 + place * third, third - 20
        sheet.text(x, sheet.y - 4, name, size=8.5, color=GRAY)
        size = lettering.size_for(amount, BOLD, 15, room)
        sheet.text(x, sheet.y - 24, amount, font=BOLD, size=size)
    sheet.y -= 64


def _gained(document: Document) -> str:
    parts = ("income", "realized_gains", "unrealized_gains", "fees")
    cents = sum(int(document["equity"][name].replace(".", "")) for name in parts)
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _sums(sheet: Pages, document: Document) -> None:
    top = sheet.y
    left = _sum(sheet, "Equity", _EQUITY, document["equity"], LEFT, MIDDLE - 12)
    sheet.y = top
    right = _sum(sheet, "Cash", _CASH, document["cash"], MIDDLE + 12, RIGHT)
    sheet.y = min(left, right) - 6
    gains = document["realized_gains"]
    line = (
        f"Of the realized gains {_money(gains['short_term'])} are short-term and "
        f"{_money(gains['long_term'])} long-term. Fees in all trades: {_money(document['fees'])}."
    )
    sheet.text(LEFT, sheet.y, line, color=GRAY)
    sheet.y -= 30


def _sum(
    sheet: Pages,
    title: str,
    names: Mapping[str, str],
    amounts: Mapping[str, str],
    left: float,
    right: float,
) -> float:
    """One of the two sums, without what is zero; returns where it ends."""
    sheet.text(left, sheet.y, title, font=BOLD, size=11, color=ACCENT)
    y = sheet.y - 18
    for key, name in names.items():
        is_end = key in ("opening", "closing")
        if not is_end and amounts[key] == "0.00":
            continue
        if key == "closing":
            sheet.rule(y + 9.5, left=left, right=right, is_strong=True)
            y -= 3
        font = BOLD if is_end else PLAIN
        sheet.text(left, y, name, font=font, size=8.5)
        sheet.text(right, y, _money(amounts[key]), font=font, size=8.5, is_right=True)
        y -= ROW
    return y


# Tables -----------------------------------------------------------------------------------------


def _holdings(sheet: Pages, rows: Sequence[Document]) -> None:
    columns = [
        Column("Symbol", 62, shrinks=True),
        Column("Name", 114),
        Column("Quantity", 76, is_number=True),
        Column("Price", 62, is_number=True),
        Column("Value", 68, is_number=True),
        Column("Cost", 66, is_number=True),
        Column("Unrealized", 68, is_number=True),
    ]
    names = ("quantity", "price", "market_value", "cost_basis", "unrealized_pnl")
    sheet.table(
        "Holdings at the end",
        columns,
        rows,
        lambda row: [row["symbol"], row["name"], *(_number(row[name]) for name in names)],
        totals=["Total", "", "", "", *(_total(rows, name) for name in names[2:])],
        without="Nothing but cash was held at the end.",
    )


def _trades(sheet: Pages, rows: Sequence[Document]) -> None:
    columns = [
        Column("Time", 84),
        Column("Symbol", 80, shrinks=True),
        Column("Side", 36),
        Column("Quantity", 96, is_number=True),
        Column("Price", 80, is_number=True),
        Column("Fee", 52, is_number=True),
        Column("Amount", 88, is_number=True),
    ]
    names = ("quantity", "price", "fee", "amount")
    sheet.table(
        "Trades",
        columns,
        rows,
        lambda row: [
            _minute(row["executed_at"]),
            row["symbol"],
            _word(row["side"]),
            *(_number(row[name]) for name in names),
        ],
        totals=["Total", "", "", "", "", _total(rows, "fee"), _total(rows, "amount")],
        without="There were no trades.",
    )


def _transfers(sheet: Pages, rows: Sequence[Document]) -> None:
    columns = [
        Column("Time", 84),
        Column("Transfer", 150),
        Column("Reference", 194),
        Column("Amount", 88, is_number=True),
    ]
    sheet.table(
        "Deposits and withdrawals",
        columns,
        rows,
        lambda row: [
            _minute(row["booked_at"]),
            _word(row["type"]),
            row["id"],
            _number(row["amount"]),
        ],
        totals=["Total", "", "", _total(rows, "amount")],
        without="There were no deposits and no withdrawals.",
    )


def _deliveries(sheet: Pages, rows: Sequence[Document]) -> None:
    columns = [
        Column("Time", 84),
        Column("Symbol", 92, shrinks=True),
        Column("Acquired", 70),
        Column("Quantity", 98, is_number=True),
        Column("Cost there", 84, is_number=True),
        Column("Value on arrival", 88, is_number=True),
    ]
    names = ("quantity", "cost_basis", "market_value")
    sheet.table(
        "From another broker",
        columns,
        rows,
        lambda row: [
            _minute(row["delivered_at"]),
            row["symbol"],
            row["acquired_at"][:10],
            *(_number(row[name]) for name in names),
        ],
        totals=["Total", "", "", "", *(_total(rows, name) for name in names[1:])],
        without="",
    )


def _income(sheet: Pages, rows: Sequence[Document]) -> None:
    columns = [
        Column("Time", 84),
        Column("Payment", 150),
        Column("Symbol", 194),
        Column("Amount", 88, is_number=True),
    ]
    sheet.table(
        "Income",
        columns,
        rows,
        lambda row: [
            _minute(row["paid_at"]),
            _word(row["type"]),
            row["symbol"],
            _number(row["amount"]),
        ],
        totals=["Total", "", "", _total(rows, "amount")],
        without="There were no dividends and no coupons.",
    )


def _corporate_actions(sheet: Pages, rows: Sequence[Document]) -> None:
    columns = [
        Column("Time", 84),
        Column("Action", 78),
        Column("Symbol", 98, shrinks=True),
        Column("Quantity before", 84, is_number=True),
        Column("Quantity after", 84, is_number=True),
        Column("Amount", 88, is_number=True),
    ]
    names = ("quantity_before", "quantity_after", "amount")
    sheet.table(
        "Splits and redemptions",
        columns,
        rows,
        lambda row: [
            _minute(row["carried_out_at"]),
            _word(row["type"]),
            row["symbol"],
            *(_number(row[name]) for name in names),
        ],
        without="",
    )


def _realized(sheet: Pages, rows: Sequence[Document], gains: Document) -> None:
    columns = [
        Column("Symbol", 68, shrinks=True),
        Column("Acquired", 58),
        Column("Sold", 58),
        Column("Term", 36),
        Column("Quantity", 82, is_number=True),
        Column("Proceeds", 72, is_number=True),
        Column("Cost", 72, is_number=True),
        Column("Gain", 70, is_number=True),
    ]
    names = ("quantity", "proceeds", "cost_basis", "gain")
    sheet.table(
        "Realized gains by lot",
        columns,
        rows,
        lambda row: [
            row["symbol"],
            row["acquired_at"][:10],
            row["sold_at"][:10],
            _word(row["term"]),
            *(_number(row[name]) for name in names),
        ],
        totals=[
            *("Total", "", "", "", ""),
            *(_total(rows, "proceeds"), _total(rows, "cost_basis"), _money(gains["total"])),
        ],
        without="Nothing was sold.",
    )


def _notes(sheet: Pages, fees: str) -> None:
    room = RIGHT - LEFT
    notes = [note.format(fees=fees) for note in _NOTES]
    lines = [lettering.wrapped(note, PLAIN, pages.SMALL, room) for note in notes]
    sheet.make_room(sum(10 * len(note) + 3 for note in lines) + 18)
    sheet.text(LEFT, sheet.y, "Notes", font=BOLD, size=9, color=ACCENT)
    sheet.y -= 14
    for note in lines:
        for line in note:
            sheet.text(LEFT, sheet.y, line, size=pages.SMALL, color=GRAY)
            sheet.y -= 10
        sheet.y -= 3


# Words and numbers ------------------------------------------------------------------------------


def _money(amount: str) -> str:
    """With thousands set apart and a minus sign: -1234.50 is −1,234.50."""
    whole, dot, decimals = amount.lstrip("-").partition(".")
    sign = "\u2212" if amount.startswith("-") else ""
    return f"{sign}{int(whole):,}{dot}{decimals}"


def _number(text: str | None) -> str:
    return "\u2013" if text is None else _money(text)


def _total(rows: Sequence[Document], name: str) -> str:
    """The sum of a column of money; a dash where a part of it is not known."""
    if any(row[name] is None for row in rows):
        return "\u2013"
    cents = sum(int(row[name].replace(".", "")) for row in rows)
    return _money(f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}")


def _word(name: str) -> str:
    return _WORDS.get(name, name.capitalize())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _minute(text: str) -> str:
    """2026-04-20T12:00:00.000000Z is 2026-04-20 12:00."""
    return f"{text[:10]} {text[11:16]}"


def _day_name(day: datetime) -> str:
    return f"{day.day} {day:%B %Y}"


def _period_name(document: Document) -> str:
    return f"{_time(document['start']):%B %Y}" if document["type"] == "month" else document["id"]
