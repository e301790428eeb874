"""Plain Django: its own ASGI handler, and orders placed by plain ORM code."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
handler = get_asgi_application()  # first: what follows imports models

from django.conf import settings  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from bench import orm_flow  # noqa: E402
from exchange.api import serializers  # noqa: E402
from exchange.api.orders import owner_of  # noqa: E402
from exchange.models import OrderType, Side  # noqa: E402
from exchange.trading.intake.requests import OrderRequest  # noqa: E402
from exchange.trading.reports import documents  # noqa: E402


class OrdersView(APIView):
    def post(self, request: Request) -> Response:
        body = serializers.OrderRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        order = orm_flow.place(
            owner_id=owner_of(request),
            request=OrderRequest(
                symbol=data["symbol"],
                side=Side(data["side"]),
                order_type=OrderType(data["order_type"]),
                quantity=data.get("quantity"),
                client_order_id=data.get("client_order_id"),
            ),
            now=timezone.now(),
        )
        return Response(documents.order(order), status=201)


urlpatterns = [
    path("api/exchange/api/v1/orders/", OrdersView.as_view()),
    path("", include("be.urls")),
]
settings.ROOT_URLCONF = __name__
application = handler
