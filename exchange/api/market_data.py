"""Instruments, prices, candles, statistics, the book."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from be.api import conditional_get, json_answers
from be.api.auto_schema import problems
from be.api.pagination import FixedPages, NewestFirst
from be.api.strict_requests import StrictView
from be.kernel.refusals import Invalid, NotFound
from exchange.api import examples, queries, serializers
from exchange.api.unchanged import DependsOn
from exchange.market import (
    book,
    candle_pages,
    candles,
    instrument_pages,
    instruments,
    quotes,
    statistics,
)
from exchange.models import Instrument, Interval

# How long a client may cache a page of candles that have all ended.
SECONDS_ENDED = 60

ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="Id or symbol.")


class BySymbol(NewestFirst):
    """Pages ordered by symbol, as the schema describes them."""

    ordering = "symbol"


def named(name: str) -> Instrument:
    """The instrument of a URL, by id or symbol. Raises NotFound."""
    with _in_the_url():
        return instruments.find(name)


@contextmanager
def _in_the_url() -> Iterator[None]:
    """What a query would be refused for, with 400, is a 404 here."""
    try:
        yield
    except instruments.UnknownSymbol as error:
        raise NotFound("There is no such instrument.") from error


def with_quote(instrument: Instrument) -> dict[str, Any]:
    document = instruments.document(instrument)
    quote = getattr(instrument, "quote", None)
    document["quote"] = None if quote is None else quotes.document(quote)
    return document


@extend_schema(tags=["Market data"])
class MarketDataViewSet(StrictView, GenericViewSet[Instrument]):
    is_same_for_everybody = True  # authentication/api/bearer.py
    queryset = Instrument.objects.none()
    serializer_class = serializers.InstrumentWithQuoteSerializer
    pagination_class = BySymbol

    @extend_schema(
        operation_id="market_data_list",
        summary="Instruments, each with its quote",
        parameters=[serializers.InstrumentQuery, *conditional_get.PARAMETERS],
        responses={
            200: serializers.InstrumentWithQuoteSerializer(many=True),
            **conditional_get.UNCHANGED,
            **problems(400),
        },
    )
    def list(self, request: Request) -> HttpResponseBase:
        query = queries.read(serializers.InstrumentQuery, request)
        pages = FixedPages(Instrument._meta.get_field("symbol"))
        page = pages.read(
            request,
            lambda of: instrument_pages.read(
                query.get("asset_class"),
                query.get("search"),
                at_most=of.at_most,
                after=of.below,
                before=of.above,
                is_reverse=of.is_reverse,
            ),
        )
        document = pages.document([with_quote(each) for each in page])
        return conditional_get.respond(request, document, depends_on=DependsOn(all_quotes=True))

    @extend_schema(
        operation_id="market_data_supported_symbols",
        summary="What trades here, and by which rules",
        parameters=[serializers.AssetClassQuery, *conditional_get.PARAMETERS],
        responses={
            200: serializers.SupportedSymbolsSerializer,
            **conditional_get.UNCHANGED,
            **problems(400),
        },
    )
    def supported_symbols(self, request: Request) -> HttpResponseBase:
        query = queries.read(serializers.AssetClassQuery, request)
        found = instruments.all_of(query.get("asset_class"))
        document = {"results": instruments.documents(found)}
        return conditional_get.respond(request, document, depends_on=DependsOn())

    @extend_schema(
        operation_id="market_data_current_prices",
        summary="Newest quotes",
        parameters=[serializers.SymbolsQuery],
        responses={200: serializers.CurrentPricesSerializer, **problems(400)},
        examples=[OpenApiExample("Quotes", value={"results": [examples.QUOTE]})],
    )
    def current_prices(self, request: Request) -> Response:
        query = queries.read(serializers.SymbolsQuery, request)
        symbols = None
        if "symbols" in query:
            symbols = [symbol.strip() for symbol in query["symbols"].split(",")]
        found = quotes.current(symbols)
        return Response({"results": [quotes.document(quote) for quote in found]})

    @extend_schema(
        operation_id="market_data_candles",
        summary="Candles of one instrument, oldest first",
        description=(
            "From `start` on, or without it the newest ones before `end`. `next` leads to the "
            "candles that follow, when `start` is given and there are more. The newest candle is "
            "still growing."
        ),
        parameters=[ID, serializers.CandleQuery, *conditional_get.PARAMETERS],
        responses={
            200: serializers.CandlesSerializer,
            **conditional_get.UNCHANGED,
            **problems(400, 404),
        },
    )
    def retrieve(self, request: Request, id: str) -> HttpResponseBase:
        query = queries.read(serializers.CandleQuery, request)
        instrument, interval = named(id), Interval(query["interval"])
        start, end = query.get("start"), query.get("end")
        if start is not None and end is not None and start >= end:
            raise Invalid("end must be after start.", field="end")
        is_past = end is not None and candles.have_ended(instrument, interval, before=end)
        page = candle_pages.read(instrument, interval, start=start, end=end, limit=query["limit"])
        following = page.following and _address_from(request, page.following)
        head = {"symbol": instrument.symbol, "interval": interval.value}
        body = b'%b,"candles":[%b],"next":%b}' % (
            json_answers.encoded(head)[:-1],
            page.candles.encode(),
            json_answers.encoded(following),
        )
        has_ended = following is not None
        return conditional_get.respond_bytes(
            request,
            body,
            max_age=SECONDS_ENDED if has_ended else 0,
            depends_on=DependsOn(None if is_past else instrument.symbol),
        )

    @extend_schema(
        operation_id="market_data_statistics",
        summary="What an instrument did over a period",
        description=(
            "From candles: of 5 minutes for `1d`, of an hour for `7d`, else of a UTC day. "
            "`volatility` is the sample deviation of log returns, annualised over the 252 days "
            "that stocks, ETFs and bonds trade, or a coin's 365; "
            "`max_drawdown` is in percent, from a high to a later low; `vwap` weighs (high + low + "
            "close) / 3 by volume; `average_volume` is of a trading day. What can't be had is null."
        ),
        parameters=[serializers.StatisticsQuery, *conditional_get.PARAMETERS],
        responses={
            200: serializers.StatisticsSerializer,
            **conditional_get.UNCHANGED,
            **problems(400),
        },
    )
    def statistics(self, request: Request) -> HttpResponseBase:
        query = queries.read(serializers.StatisticsQuery, request)
        instrument = instruments.find(query["symbol"])
        period = statistics.Period(query["period"])
        document = statistics.measure(instrument, period, now=timezone.now())
        return conditional_get.respond(request, document, ignoring=("start", "end"))

    @extend_schema(
        operation_id="market_data_book",
        summary="The order book as matching sees it",
        parameters=[ID, serializers.DepthQuery],
        responses={200: serializers.BookSerializer, **problems(400, 404)},
    )
    def book(self, request: Request, id: str) -> HttpResponseBase:
        depth = queries.read(serializers.DepthQuery, request)["depth"]
        with _in_the_url():
            document = book.named(id, depth, now=timezone.now())
        return json_answers.answer(request, document)


def _address_from(request: Request, start: str) -> str:
    """The address of the same candles from a later start on."""
    params = request.query_params.copy()
    params["start"] = start
    return request.build_absolute_uri(f"{request.path}?{params.urlencode()}")
