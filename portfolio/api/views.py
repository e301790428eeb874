"""`/api/portfolio/`: each view reads query and clock, and makes one call into the domain."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from be.api.auto_schema import IDEMPOTENCY_KEY, problems
from be.api.idempotency import idempotent
from be.api.json_answers import answer, answer_bytes
from be.api.pagination import Bounds, ComputedNewestFirst
from be.api.problems import from_refusal
from be.api.strict_requests import StrictView
from exchange.api.serializers import OrderSerializer
from exchange.models import Execution
from exchange.trading import closing
from exchange.trading.closing import CloseRequest, Closing
from exchange.trading.reports import documents as order_documents
from portfolio import allocation, contribution, holdings, income, performance, tax_lots
from portfolio.api import contribution_document, documents, examples, queries, serializers
from portfolio.api.contribution_serializers import ContributionSerializer
from portfolio.lot_rows import Page
from portfolio.periods import Period

TAGS = ["Portfolio"]
SYMBOL = OpenApiParameter("symbol", str, OpenApiParameter.PATH, description="Symbol or id.")


class HoldingsView(StrictView):
    @extend_schema(
        operation_id="portfolio_holdings_list",
        summary="What you hold, what it is worth and what it gained",
        description=(
            "The totals `realized_pnl` and `day_change` also count instruments that you do not "
            "hold any more; all other totals are the sums of the rows. The market value of a bond "
            "includes accrued interest, as its cost does. The day begins at midnight UTC, when "
            "the exchange has closed: `day_change` is what was gained since, and of what was "
            "bought today, since it was bought. `price_change` is that of the price alone."
        ),
        tags=TAGS,
        parameters=[serializers.LotMethodQuery],
        responses={200: serializers.HoldingsSerializer, **problems(400, 401, 503)},
        examples=[examples.HOLDINGS],
    )
    def get(self, request: Request) -> HttpResponse:
        query = queries.valid(serializers.LotMethodQuery, request)
        found = holdings.holdings(
            owner_id=queries.owner_id(request),
            lot_method=queries.lot_method(query),
            now=timezone.now(),
        )
        return answer(request, documents.holdings(found))

    @extend_schema(
        operation_id="portfolio_holdings_close",
        summary="Sell everything that you hold",
        description=(
            "A market order for each position, as `DELETE holdings/{symbol}/` places it. One that "
            "can't be sold now (halted, reserved by open orders) stops no other: its `problem` "
            "says why. Orders may also be filled in part, or wait for the market to open: look at "
            "the `status` of each."
        ),
        tags=TAGS,
        parameters=[serializers.CloseAllQuery, IDEMPOTENCY_KEY],
        request=None,
        responses={200: serializers.ClosingsSerializer, **problems(400, 401, 403, 409, 422, 503)},
    )
    @idempotent
    def delete(self, request: Request) -> Response:
        query = queries.valid(serializers.CloseAllQuery, request)
        closings = closing.close_all(
            owner_id=queries.trader_id(request), now=timezone.now(), **query
        )
        return Response({"results": [_closing(each) for each in closings]})


class HoldingView(StrictView):
    @extend_schema(
        operation_id="portfolio_holding_close",
        summary="Sell a position, or a part of it",
        description=(
            "Places a market order that sells all that you hold of the instrument (also what is "
            "too small for an order otherwise), a `quantity` of it or `percent` of it; the answer "
            "is that order. 409 `position_reserved` while open orders have reserved what is to be "
            "sold: cancel them, or send `cancel_orders=true`."
        ),
        tags=TAGS,
        parameters=[SYMBOL, serializers.CloseQuery, IDEMPOTENCY_KEY],
        request=None,
        responses={201: OrderSerializer, **problems(400, 401, 403, 404, 409, 422, 503)},
    )
    @idempotent
    def delete(self, request: Request, symbol: str) -> Response:
        query = queries.valid(serializers.CloseQuery, request)
        order = closing.close(
            owner_id=queries.trader_id(request),
            symbol=symbol,
            request=CloseRequest(**query),
            now=timezone.now(),
        )
        return Response(order_documents.written(order), status=201)


class Computed(StrictView, GenericViewSet[Execution]):
    """Lists computed from executions and redemptions, whose ids they have; newest first."""

    queryset = Execution.objects.none()
    pagination_class = ComputedNewestFirst

    def paged(self, read: Callable[[Page], Sequence[Any]], symbol: str | None) -> Response:
        def rows(bounds: Bounds) -> Sequence[Any]:
            return read(Page(symbol, bounds.at_most, bounds.below, bounds.above))

        page = self.paginate_queryset(rows)  # type: ignore[arg-type]  # it takes the place of one
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class LotViewSet(Computed):
    serializer_class = serializers.LotSerializer

    @extend_schema(
        operation_id="portfolio_lots_list",
        summary="Your open tax lots, newest first",
        tags=TAGS,
        parameters=[serializers.LotsQuery],
        responses={200: serializers.LotSerializer(many=True), **problems(400, 401, 503)},
        examples=[examples.LOT],
    )
    def list(self, request: Request) -> Response:
        query = queries.valid(serializers.LotsQuery, request)
        read = partial(
            tax_lots.open_lots,
            owner_id=queries.owner_id(request),
            lot_method=queries.lot_method(query),
            now=timezone.now(),
        )
        return self.paged(lambda page: read(page=page), query.get("symbol"))


class SaleViewSet(Computed):
    serializer_class = serializers.SaleSerializer

    @extend_schema(
        operation_id="portfolio_realized_list",
        summary="What each sale gained, newest first",
        tags=TAGS,
        parameters=[serializers.LotsQuery],
        responses={200: serializers.SaleSerializer(many=True), **problems(400, 401, 503)},
        examples=[examples.SALE],
    )
    def list(self, request: Request) -> Response:
        query = queries.valid(serializers.LotsQuery, request)
        read = partial(
            tax_lots.sales,
            owner_id=queries.owner_id(request),
            lot_method=queries.lot_method(query),
        )
        return self.paged(lambda page: read(page=page), query.get("symbol"))


class AllocationView(StrictView):
    @extend_schema(
        operation_id="portfolio_allocation_retrieve",
        summary="How your equity is spread, cash included",
        description="Largest first; what is worth less than a cent is left out.",
        tags=TAGS,
        responses={200: serializers.AllocationSerializer, **problems(401, 503)},
        examples=[examples.ALLOCATION],
    )
    def get(self, request: Request) -> Response:
        found = allocation.allocation(owner_id=queries.owner_id(request), now=timezone.now())
        return Response(serializers.AllocationSerializer(found).data)


class IncomeView(StrictView):
    @extend_schema(
        operation_id="portfolio_income_retrieve",
        summary="Dividends and coupons that you were paid",
        description=(
            "By month (UTC), newest first, and by instrument, the largest total first. The "
            "statement lists each payment."
        ),
        tags=TAGS,
        parameters=[serializers.IncomeQuery],
        responses={200: serializers.IncomeSerializer, **problems(400, 401, 503)},
        examples=[examples.INCOME],
    )
    def get(self, request: Request) -> Response:
        query = queries.valid(serializers.IncomeQuery, request)
        found = income.income(
            owner_id=queries.owner_id(request), start=query.get("start"), end=query.get("end")
        )
        return Response(serializers.IncomeSerializer(found).data)


class PerformanceView(StrictView):
    @extend_schema(
        operation_id="portfolio_performance_retrieve",
        summary="How your account did over a period",
        description=(
            "The series has a point every 5 minutes for `1d`, every hour for `1w`, every midnight "
            "(UTC) for longer periods, and one for now. The time-weighted return does not depend "
            "on deposits and withdrawals, the money-weighted one does; both are of the whole "
            "period. A figure that cannot be had is null, and `reasons` says why: annual returns "
            "before a year, risk before 20 intervals, what rests on the mean of days (Sharpe, "
            "Sortino and information ratio, alpha, win rate, best and worst day) for `1d` and "
            "`1w`, and everything before the first deposit. `conventions` names what textbooks do "
            "differently."
        ),
        tags=TAGS,
        parameters=[serializers.PerformanceQuery],
        responses={200: serializers.PerformanceSerializer, **problems(400, 401, 503)},
        examples=[examples.PERFORMANCE],
    )
    def get(self, request: Request) -> HttpResponse:
        query = queries.valid(serializers.PerformanceQuery, request)
        found = performance.performance(
            owner_id=queries.owner_id(request),
            period=Period(query["period"]),
            benchmark=query.get("benchmark"),
            now=timezone.now(),
        )
        return answer_bytes(request, documents.performance(found))


class ContributionView(StrictView):
    @extend_schema(
        operation_id="portfolio_contribution_retrieve",
        summary="What each instrument has earned over a period",
        description=(
            "Gains in dollars, which add up to the account's gain to the cent, and contributions, "
            "which add up to its time-weighted return: by instrument and by asset class, the "
            "largest gain first. A fee lowers the gain of the instrument that was traded, "
            "dividends and coupons raise that of the one that paid them. Cash has a row only if "
            "it gained something that no instrument explains. `exposure` says what share of the "
            "account was invested, at the times of the series of `performance/`. Contributions "
            "are null together with the return, and `reasons` says why."
        ),
        tags=TAGS,
        parameters=[serializers.ContributionQuery],
        responses={200: ContributionSerializer, **problems(400, 401, 503)},
        examples=[examples.CONTRIBUTION],
    )
    def get(self, request: Request) -> HttpResponse:
        query = queries.valid(serializers.ContributionQuery, request)
        found = contribution.contribution(
            owner_id=queries.owner_id(request), period=Period(query["period"]), now=timezone.now()
        )
        return answer_bytes(request, contribution_document.contribution(found))


def _closing(found: Closing) -> dict[str, Any]:
    return {
        "symbol": found.symbol,
        "order": None if found.order is None else order_documents.written(found.order),
        "problem": None if found.refusal is None else from_refusal(found.refusal),
    }
