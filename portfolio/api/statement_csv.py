"""An account statement as one CSV table: a line for each figure and each row of the document."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from banking.api.statement_csv import neutralised

COLUMNS = (
    "section",
    "type",
    "time",
    "symbol",
    "quantity",
    "price",
    "accrued_interest",
    "fee",
    "amount",
    "cost_basis",
    "gain",
    "term",
    "acquired_at",
    "id",
    "lot_id",
)
# Others are numbers, whose minus sign is not quoted, or words of ours.
_FREE_TEXT = ("symbol",)

# Of each list of the document, which of its fields stands in which column of another name.
_SECTIONS: Mapping[str, Mapping[str, str]] = {
    "holdings": {"amount": "market_value", "gain": "unrealized_pnl"},
    "trades": {"type": "side", "time": "executed_at"},
    "transfers": {"time": "booked_at"},
    "deliveries": {"time": "delivered_at", "amount": "market_value"},
    "income": {"time": "paid_at"},
    "corporate_actions": {"time": "carried_out_at", "quantity": "quantity_after"},
    "realized": {"time": "sold_at", "amount": "proceeds"},
}


def written(document: Mapping[str, Any]) -> bytes:
    """The statement in UTF-8, with a heading."""
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, COLUMNS, restval="")
    table.writeheader()
    table.writerows(_rows(document))
    return buffer.getvalue().encode()


def _rows(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for section in ("equity", "cash", "realized_gains"):
        for name, amount in document[section].items():
            yield {"section": section, "type": name, "amount": amount}
    yield {"section": "fees", "type": "total", "amount": document["fees"]}
    for section, names in _SECTIONS.items():
        for row in document[section]:
            yield {"section": section, **_cells(row, names)}


def _cells(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    given = {column: row.get(names.get(column, column)) for column in COLUMNS[1:]}
    cells = {column: text for column, text in given.items() if text is not None}
    return cells | {column: neutralised(cells[column]) for column in _FREE_TEXT if column in cells}
