"""`/api/portfolio/statements/`: the list of periods, and the statement of one in three formats."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.db.models import IntegerField
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from authentication.api import caller
from banking.api.statement_csv import CSVRenderer
from be.api import conditional_get
from be.api.auto_schema import problems
from be.api.content_negotiation import format_parameter
from be.api.json_answers import answer
from be.api.pagination import Bounds, FixedPages
from be.api.strict_requests import StrictView
from exchange.models import Execution
from portfolio import account_statements
from portfolio.api import statement_csv, statement_documents, statement_examples
from portfolio.api.statement_serializers import StatementPeriodSerializer, StatementSerializer
from portfolio.statement_periods import StatementPeriod

TAGS = ["Portfolio"]
PERIOD = OpenApiParameter(
    "period",
    {"type": "string", "pattern": r"^[1-9][0-9]{3}(-(0[1-9]|1[0-2]))?$", "example": "2026-10"},
    OpenApiParameter.PATH,
    description="A month or a year, in UTC.",
)


class PDFRenderer(JSONRenderer):
    """Lets a client negotiate a PDF. DRF renders only problem documents with it, as JSON."""

    media_type = "application/pdf"
    format = "pdf"


class StatementListViewSet(StrictView, GenericViewSet[Execution]):
    queryset = Execution.objects.none()  # for the schema; nothing is read from it
    serializer_class = StatementPeriodSerializer

    @extend_schema(
        operation_id="portfolio_statements_list",
        summary="The months and years of which you can have a statement, newest first",
        description=(
            "All since something was first booked in your account. The month and the year that "
            "run are preliminary, and so is one that has ended less than six hours ago."
        ),
        tags=TAGS,
        responses={200: StatementPeriodSerializer(many=True), **problems(400, 401, 503)},
        examples=[statement_examples.PERIOD],
    )
    def list(self, request: Request) -> HttpResponse:
        now = timezone.now()
        found = account_statements.periods(owner_id=caller.user(request).pk, now=now)
        pages = FixedPages(IntegerField(primary_key=True))
        page = pages.read(request, partial(_periods, found))
        rows = [statement_documents.period(each, now=now) for each in page]
        return answer(request, pages.document(rows))


class StatementView(StrictView):
    renderer_classes = [JSONRenderer, CSVRenderer, PDFRenderer]

    @extend_schema(
        operation_id="portfolio_statements_retrieve",
        summary="Your account statement of a month or a year",
        description=(
            "What the account was worth at both ends and why: transfers, trades, income, fees, "
            "realized gains by lot, and what was held at the end. Both `equity` and `cash` add up "
            "to the cent. A statement that is not preliminary stays as it is: quantities are in "
            "the shares of their time, prices those of the last close, and what is corrected "
            "later is in the period in which it is corrected. With `?format=csv` or "
            "`?format=pdf` (or `Accept`) it comes as a file. A PDF has up to 20,000 rows; of a "
            "longer statement there is none (422 `statement_too_long`)."
        ),
        tags=TAGS,
        parameters=[
            PERIOD,
            format_parameter("json", "csv", "pdf"),
            *conditional_get.PARAMETERS,
        ],
        responses={
            (200, "application/json"): StatementSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            **conditional_get.UNCHANGED,
            **problems(400, 401, 404, 422, 503),
        },
        examples=[statement_examples.STATEMENT],
    )
    def get(self, request: Request, period: str) -> HttpResponse:
        found = account_statements.statement(
            owner=caller.user(request), name=period, now=timezone.now()
        )
        document = statement_documents.statement(found)
        wanted = request.accepted_renderer.format
        if wanted == JSONRenderer.format:
            return conditional_get.respond(request, document, ignoring=("as_of",))
        return conditional_get.respond_file(
            request,
            _FILES[wanted](document),
            content_type=_CONTENT_TYPES[wanted],
            filename=f"statement-{found.period.id}.{wanted}",
        )


def _pdf(document: Mapping[str, Any]) -> bytes:
    # What draws PDFs takes time and memory, and few processes ever need it.
    from portfolio.api.pdf import statement

    return statement.written(document)


_FILES = {CSVRenderer.format: statement_csv.written, PDFRenderer.format: _pdf}
_CONTENT_TYPES = {
    CSVRenderer.format: f"{CSVRenderer.media_type}; charset=utf-8",
    PDFRenderer.format: PDFRenderer.media_type,
}


def _periods(found: Sequence[StatementPeriod], of: Bounds) -> list[StatementPeriod]:
    """Those of a page; `found` is newest first."""
    if of.above is not None:
        return [each for each in reversed(found) if each.pk > of.above][: of.at_most]
    return [each for each in found if of.below is None or each.pk < of.below][: of.at_most]
