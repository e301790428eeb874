"""Orders and executions of the signed-in user."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from authentication import restrictions
from authentication.api import caller
from authentication.models import User
from be.api.auto_schema import IDEMPOTENCY_KEY, problems
from be.api.idempotency import idempotent
from be.api.json_answers import answer, answer_in_pieces
from be.api.pagination import FixedPages
from be.api.strict_requests import StrictView
from be.kernel import identifiers
from be.kernel.refusals import NotFound
from exchange.api import examples, queries, serializers
from exchange.market import instruments
from exchange.models import (
    Execution,
    Order,
    OrderClass,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from exchange.trading import orders
from exchange.trading.intake.requests import (
    NamedLot,
    OrderRequest,
    ReplaceRequest,
    StopLoss,
    TakeProfit,
)
from exchange.trading.reports import documents
from exchange.trading.rows import listed
from exchange.trading.rows.listed import OrderFilter

ID = OpenApiParameter("id", UUID, OpenApiParameter.PATH, description="The id of the order.")


# Made once: each new serializer copies all its fields, which costs more than the validation.
ORDER_BODY = serializers.OrderRequestSerializer()


def owner_of(request: Request) -> UUID:
    user = request.user
    if not isinstance(user, User):
        raise NotFound("There is no such user.")
    return user.pk


def trader_of(request: Request) -> UUID:
    """Who asks, and may trade. Raises what restrictions.require_may_trade raises."""
    owner_id = owner_of(request)
    restrictions.require_may_trade(caller.user(request))
    return owner_id


@extend_schema(tags=["Orders"])
class OrderViewSet(StrictView, GenericViewSet[Order]):
    queryset = Order.objects.none()
    serializer_class = serializers.OrderSerializer

    @extend_schema(
        operation_id="orders_create",
        summary="Place an order",
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.OrderRequestSerializer,
        responses={201: serializers.OrderSerializer, **problems(400, 403, 409, 422)},
        examples=examples.ORDER_EXAMPLES,
    )
    def create(self, request: Request) -> HttpResponse:
        if isinstance(request.data, dict) and request.data.get("lots"):
            # The order of a key is placed within a transaction, in which it is too late.
            orders.prepare_naming(owner_id=trader_of(request))
        return self._create(request)

    @idempotent
    def _create(self, request: Request) -> HttpResponse:
        data = ORDER_BODY.run_validation(request.data)
        order = orders.place(
            owner_id=trader_of(request),
            request=_order_request(data),
            now=timezone.now(),
        )
        return answer(request, documents.written(order), status=201)

    @extend_schema(
        operation_id="orders_replace",
        summary="Replace an open order by another",
        description=(
            "Puts a new order in the place of an open one, in one step: it takes over what is left "
            "to fill and the money held for it, and goes to the end of the line of its price. "
            "Answers 409 `order_not_replaceable` when the order was filled meanwhile."
        ),
        parameters=[ID],
        request=serializers.ReplaceRequestSerializer,
        responses={201: serializers.OrderSerializer, **problems(400, 403, 404, 409, 422)},
        examples=examples.REPLACE_EXAMPLES,
    )
    def partial_update(self, request: Request, id: str) -> HttpResponse:
        body = serializers.ReplaceRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        order = orders.replace(
            owner_id=trader_of(request),
            order_id=identifiers.parse(id),
            request=ReplaceRequest(**body.validated_data),
            now=timezone.now(),
        )
        return answer(request, documents.written(order), status=201)

    @extend_schema(
        operation_id="orders_list",
        summary="Your orders, newest first",
        parameters=[serializers.OrderQuery],
        responses=serializers.OrderSerializer(many=True),
    )
    def list(self, request: Request) -> HttpResponseBase:
        wanted = _filter(queries.read(serializers.OrderQuery, request))
        pages = FixedPages(Order._meta.pk)
        page = pages.read(
            request,
            lambda of: listed.orders(
                owner_of(request), wanted, at_most=of.at_most, below=of.below, above=of.above
            ),
        )
        return answer(request, pages.document([documents.order(order) for order in page]))

    @extend_schema(
        operation_id="orders_retrieve",
        summary="One order with its executions",
        parameters=[ID],
        responses={200: serializers.OrderSerializer, **problems(404)},
    )
    def retrieve(self, request: Request, id: str) -> HttpResponseBase:
        wanted = OrderFilter(order_id=identifiers.parse(id))
        found = listed.orders(owner_of(request), wanted, at_most=1)
        if not found:
            raise NotFound("There is no such order.")
        return answer(request, documents.order(found[0]))

    @extend_schema(
        operation_id="orders_cancel",
        summary="Cancel an open order",
        parameters=[ID],
        request=None,
        responses={200: serializers.OrderSerializer, **problems(404, 409)},
    )
    def destroy(self, request: Request, id: str) -> HttpResponse:
        order = orders.cancel(
            owner_id=owner_of(request), order_id=identifiers.parse(id), now=timezone.now()
        )
        return answer(request, documents.written(order))

    @extend_schema(
        operation_id="orders_cancel_all",
        summary="Cancel all open orders",
        request=None,
        responses={200: serializers.CanceledOrdersSerializer},
    )
    def destroy_all(self, request: Request) -> HttpResponseBase:
        canceled = orders.cancel_all(owner_id=owner_of(request), now=timezone.now())
        return answer_in_pieces(request, _in_pieces(canceled))


def _in_pieces(ids: Sequence[UUID]) -> Iterator[list[documents.Document]]:
    """The documents of these orders, of which only some are in memory at any time."""
    for start in range(0, len(ids), orders.END_AT_ONCE):
        some = listed.these_orders(ids[start : start + orders.END_AT_ONCE])
        yield [documents.order(order) for order in some]


def _order_request(data: dict[str, Any]) -> OrderRequest:
    time_in_force, profit, loss = (
        data.get("time_in_force"),
        data.get("take_profit"),
        data.get("stop_loss"),
    )
    return OrderRequest(
        symbol=data["symbol"],
        side=Side(data["side"]),
        order_type=OrderType(data["order_type"]),
        quantity=data.get("quantity"),
        notional=data.get("notional"),
        limit_price=data.get("limit_price"),
        stop_price=data.get("stop_price"),
        trail_amount=data.get("trail_amount"),
        trail_percent=data.get("trail_percent"),
        time_in_force=None if time_in_force is None else TimeInForce(time_in_force),
        client_order_id=data.get("client_order_id"),
        order_class=OrderClass(data.get("order_class", OrderClass.SIMPLE)),
        take_profit=None if profit is None else TakeProfit(**_exit(profit)),
        stop_loss=None if loss is None else StopLoss(**_exit(loss)),
        lots=tuple(NamedLot(**lot) for lot in data.get("lots") or ()),
    )


def _exit(data: dict[str, Any]) -> dict[str, Any]:
    wanted = data.get("time_in_force")
    return {**data, "time_in_force": None if wanted is None else TimeInForce(wanted)}


def _filter(query: dict[str, Any]) -> OrderFilter:
    status, symbol = query.get("status"), query.get("symbol")
    is_group = status in ("open", "closed")
    return OrderFilter(
        is_open=status == "open" if is_group else None,
        status=None if status is None or is_group else OrderStatus(status),
        instrument_id=None if symbol is None else instruments.find(symbol).pk,
        side=query.get("side"),
        client_order_id=query.get("client_order_id"),
        updated_since=query.get("updated_since"),
    )


@extend_schema(tags=["Orders"])
class ExecutionViewSet(StrictView, GenericViewSet[Execution]):
    queryset = Execution.objects.none()
    serializer_class = serializers.OrderExecutionSerializer

    @extend_schema(
        operation_id="executions_list",
        summary="Every fill of yours, newest first",
        responses=serializers.OrderExecutionSerializer(many=True),
    )
    def list(self, request: Request) -> HttpResponseBase:
        pages = FixedPages(Execution._meta.pk)
        page = pages.read(
            request,
            lambda of: listed.executions(
                owner_of(request), at_most=of.at_most, below=of.below, above=of.above
            ),
        )
        return answer(request, pages.document([documents.fill(execution) for execution in page]))
