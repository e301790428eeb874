"""What views read from a request: who asks, and the parameters of the query."""

from typing import Any, cast
from uuid import UUID

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from authentication import restrictions
from authentication.api import caller
from portfolio.rules.lots import LotMethod


def owner_id(request: Request) -> UUID:
    """The user's id; IsAuthenticated has refused requests without a user."""
    return cast(UUID, request.user.pk)


def trader_id(request: Request) -> UUID:
    """The id of a user who may trade. Raises what restrictions.require_may_trade raises."""
    restrictions.require_may_trade(caller.user(request))
    return owner_id(request)


def valid(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The valid parameters, with defaults filled in; a bad one is a 400 that names it."""
    query = kind(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


def lot_method(given: dict[str, Any]) -> LotMethod | None:
    """The method that is given; None for the owner's own."""
    return LotMethod(given["lot_method"]) if "lot_method" in given else None
