"""What taxes are computed from: wash sales, the lines of Form 8949, and the whole ledger."""

from datetime import datetime
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from banking.api.statement_csv import CSVRenderer
from be.api.auto_schema import problems
from be.api.content_negotiation import format_parameter
from be.api.json_answers import CONTENT_TYPE as JSON
from be.api.streamed_answers import streamed_if_long
from be.api.strict_requests import StrictView
from portfolio import adjusted_sales, lot_settings, plain_ledger
from portfolio.api import form_8949, queries, tax_documents, tax_examples
from portfolio.api.serializers import LotMethodQuery
from portfolio.api.tax_serializers import Form8949Serializer, TaxYearQuery, WashSalesSerializer
from portfolio.api.views import TAGS
from portfolio.rules.lot_methods import Matching


class WashSalesView(StrictView):
    @extend_schema(
        operation_id="portfolio_wash_sales_retrieve",
        summary="Losses of a year that are disallowed as wash sales",
        description=(
            "A loss is disallowed as far as the same stock, ETF or bond was bought within 30 days "
            "before or after the sale (26 U.S.C. 1091; coins are not covered). It is added to the "
            "cost of the shares that replaced those sold. `realized/` has all gains and losses as "
            "they are without this. Fees count here, whatever your `settings/` say. A sale of the "
            "last 30 days is shown as it stands now. All trades up to the year are gone through: "
            "the answer takes longer for who has made many, and is sent while it is made."
        ),
        tags=TAGS,
        parameters=[TaxYearQuery],
        responses={200: WashSalesSerializer, **problems(400, 401, 503)},
        examples=[tax_examples.WASH_SALES],
    )
    def get(self, request: Request) -> HttpResponseBase:
        now = timezone.now()
        year, matching = _year_and_matching(request, now=now)
        sales = adjusted_sales.of_year(
            owner_id=queries.owner_id(request), year=year, lot_method=matching
        )
        method = lot_settings.method_of_day(matching, adjusted_sales.last_moment(year, now=now))
        written = tax_documents.wash_sales(sales, year=year, lot_method=method)
        return streamed_if_long(request._request, written, content_type=JSON)


class Form8949View(StrictView):
    renderer_classes = [JSONRenderer, CSVRenderer]

    @extend_schema(
        operation_id="portfolio_capital_asset_sales_retrieve",
        summary="The sales of a year in the columns of Form 8949",
        description=(
            "What tax software takes: one line for each lot that was sold from, with the "
            "adjustments of `wash-sales/` and always with fees. With `?format=csv` (or `Accept: "
            "text/csv`) it is a file, with dates as 03/02/2026 and without sums."
        ),
        tags=TAGS,
        parameters=[TaxYearQuery, format_parameter("json", "csv")],
        responses={
            (200, "application/json"): Form8949Serializer,
            (200, "text/csv"): OpenApiTypes.STR,
            **problems(400, 401, 503),
        },
        examples=[tax_examples.FORM_8949],
    )
    def get(self, request: Request) -> HttpResponseBase:
        now = timezone.now()
        year, matching = _year_and_matching(request, now=now)
        sales = adjusted_sales.of_year(
            owner_id=queries.owner_id(request), year=year, lot_method=matching
        )
        method = lot_settings.method_of_day(matching, adjusted_sales.last_moment(year, now=now))
        if request.accepted_renderer.format != CSVRenderer.format:
            lines = form_8949.as_json(sales, year=year, lot_method=method)
            return streamed_if_long(request._request, lines, content_type=JSON)
        return streamed_if_long(
            request._request,
            form_8949.as_csv(sales),
            content_type=f"{CSVRenderer.media_type}; charset=utf-8",
            filename=f"form-8949-{year}.csv",
        )


class BeancountRenderer(JSONRenderer):
    """Lets a client negotiate plain text. DRF renders only problem documents with it, as JSON."""

    media_type = "text/plain"
    format = "beancount"


class BeancountView(StrictView):
    renderer_classes = [BeancountRenderer]

    @extend_schema(
        operation_id="portfolio_beancount_retrieve",
        summary="Everything that was ever booked, as a ledger for beancount",
        description=(
            "A file for beancount 3: each deposit, withdrawal, trade, payment and split, with lots "
            "and gains as in `lots/` and `realized/` (fees are always in the costs), and the "
            "balances at the end. It is sent "
            "while it is made, and takes longer for who has traded much."
        ),
        tags=TAGS,
        parameters=[LotMethodQuery],
        responses={(200, "text/plain"): OpenApiTypes.STR, **problems(400, 401, 503)},
    )
    def get(self, request: Request) -> HttpResponseBase:
        matching = _matching(request, queries.valid(LotMethodQuery, request))
        return streamed_if_long(
            request._request,
            plain_ledger.beancount(
                owner_id=queries.owner_id(request), lot_method=matching, now=timezone.now()
            ),
            content_type=f"{BeancountRenderer.media_type}; charset=utf-8",
            filename="brokerpro.beancount",
        )


def _year_and_matching(request: Request, *, now: datetime) -> tuple[int, Matching]:
    asked = queries.valid(TaxYearQuery, request)
    year = asked.get("year") or adjusted_sales.year_of(now)
    return year, _matching(request, asked)


def _matching(request: Request, asked: dict[str, Any]) -> Matching:
    return lot_settings.matching(queries.owner_id(request), queries.lot_method(asked))
