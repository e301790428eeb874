"""A statement as CSV, streamed."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from banking import statement
from banking.api import statement_lines
from be.api.streamed_answers import streamed

CONTENT_TYPE = "text/csv"
COLUMNS = ("id", "created_at", "kind", "asset", "bucket", "amount", "reference")
# An amount is a number: its minus sign is not quoted.
TEXT_COLUMNS = frozenset(COLUMNS) - {"amount"}
# A spreadsheet takes these for the start of a formula (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class CSVRenderer(JSONRenderer):
    """Lets a client negotiate CSV. DRF renders only problem documents with it, as JSON."""

    media_type = CONTENT_TYPE
    format = "csv"


def response(request: HttpRequest, found: statement.Lines) -> StreamingHttpResponse:
    """Stream all lines."""
    return streamed(
        request,
        _chunks(found),
        content_type=f"{CONTENT_TYPE}; charset=utf-8",
        filename="statement.csv",
    )


def neutralised(text: str) -> str:
    """Text that no spreadsheet runs as a formula: a leading apostrophe is added."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _chunks(found: statement.Lines) -> Iterator[str]:
    yield written([list(COLUMNS)])
    for batch in statement.batches(found):
        yield written([_cells(statement_lines.document(line)) for line in batch])


def _cells(line: Mapping[str, str]) -> list[str]:
    return [
        neutralised(line[column]) if column in TEXT_COLUMNS else line[column] for column in COLUMNS
    ]


def written(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as CSV."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
