"""A statement as CSV, streamed."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from banking import statement
from banking.api import statement_lines

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
    """Stream all lines, asynchronously under ASGI and synchronously under WSGI."""
    chunks = _chunks(found)
    streamed = StreamingHttpResponse(
        _from_threads(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type=f"{CONTENT_TYPE}; charset=utf-8",
    )
    streamed["Content-Disposition"] = 'attachment; filename="statement.csv"'
    return streamed


def neutralised(text: str) -> str:
    """Text that no spreadsheet runs as a formula: a leading apostrophe is added."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _chunks(found: statement.Lines) -> Iterator[str]:
    yield _rows([list(COLUMNS)])
    for batch in statement.batches(found):
        yield _rows([_cells(statement_lines.document(line)) for line in batch])


def _cells(line: Mapping[str, str]) -> list[str]:
    return [
        neutralised(line[column]) if column in TEXT_COLUMNS else line[column] for column in COLUMNS
    ]


def _rows(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


async def _from_threads(chunks: Iterator[str]) -> AsyncIterator[str]:
    # Each chunk returns its database connection, so a slow reader occupies none.
    next_chunk = database_sync_to_async(lambda: next(chunks, None))
    while (chunk := await next_chunk()) is not None:
        yield chunk
