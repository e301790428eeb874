"""`/api/portfolio/settings/`: the user's own lot method, and whether fees are in costs."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from be.api.auto_schema import problems
from be.api.fields import ChoiceField, TrueOrFalseField
from be.api.strict_requests import Body, StrictView
from portfolio import lot_settings
from portfolio.api import queries
from portfolio.lot_settings import LotSettings
from portfolio.rules.lots import LotMethod

METHODS = [method.value for method in LotMethod]


class LotMethodChangeSerializer(serializers.Serializer[Any]):
    lot_method = ChoiceField(METHODS)
    from_day = serializers.DateField(help_text="The first trade date in New York.")


class PortfolioSettingsSerializer(serializers.Serializer[Any]):
    lot_method = ChoiceField(METHODS, help_text="By which what is sold today is matched.")
    lot_methods = LotMethodChangeSerializer(
        many=True, help_text="All changes, the earliest first; before them it was `fifo`."
    )
    fees_in_cost = serializers.BooleanField(
        help_text="Whether fees are in costs and taken off proceeds; without, they are figures of "
        "their own."
    )


class PortfolioSettingsBody(Body):
    """What is left out stays as it is."""

    lot_method = ChoiceField(METHODS, required=False)
    fees_in_cost = TrueOrFalseField(
        required=False, help_text="`false` leaves fees out, over your whole history."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"lot_method": "Give this or `fees_in_cost`."})
        return attrs


EXAMPLE = OpenApiExample(
    "Highest cost first, since March",
    value={
        "lot_method": "hifo",
        "lot_methods": [{"lot_method": "hifo", "from_day": "2026-03-02"}],
        "fees_in_cost": True,
    },
    response_only=True,
    status_codes=["200"],
)


class SettingsView(StrictView):
    @extend_schema(
        operation_id="portfolio_settings_retrieve",
        summary="Your lot method, and fees in costs",
        description=(
            "Holdings, lots, gains and statements are computed by the method wherever no "
            "`lot_method` is asked for, and the lots that an order names have to be there by it. "
            "Fees are in costs and proceeds, or `fees` of their own; in what taxes are computed "
            "from they always count."
        ),
        tags=["Portfolio"],
        responses={200: PortfolioSettingsSerializer, **problems(401, 503)},
        examples=[EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        return _answer(lot_settings.read(owner_id=queries.owner_id(request), now=timezone.now()))

    @extend_schema(
        operation_id="portfolio_settings_update",
        summary="Change your lot method, or fees in costs",
        description=(
            "A method counts from today on (a day in New York), or from tomorrow if you have sold "
            "something today or had a corporate action: what has been sold stays matched as it is. "
            "After `average` all lots keep the average as their cost. `fees_in_cost` counts for "
            "your whole history, and changes none of the account's value."
        ),
        tags=["Portfolio"],
        request=PortfolioSettingsBody,
        responses={200: PortfolioSettingsSerializer, **problems(400, 401, 503)},
        examples=[
            EXAMPLE,
            OpenApiExample("Newest first", value={"lot_method": "lifo"}, request_only=True),
            OpenApiExample("Fees apart", value={"fees_in_cost": False}, request_only=True),
        ],
    )
    def put(self, request: Request) -> Response:
        body = PortfolioSettingsBody(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        found = lot_settings.change(
            owner_id=queries.owner_id(request),
            lot_method=queries.lot_method(given),
            fees_in_cost=given.get("fees_in_cost"),
            now=timezone.now(),
        )
        return _answer(found)


def _answer(found: LotSettings) -> Response:
    return Response(
        {
            "lot_method": found.lot_method.value,
            "lot_methods": [
                {"lot_method": each.method.value, "from_day": each.day.isoformat()}
                for each in found.changes
            ],
            "fees_in_cost": found.fees_in_cost,
        }
    )
