"""Content negotiation: the format of the answer, by `Accept` and `?format=`."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotAcceptable, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


def format_parameter(*formats: str) -> OpenApiParameter:
    """For the schema of a call that answers in several formats, the usual one first."""
    return OpenApiParameter(
        "format",
        str,
        OpenApiParameter.QUERY,
        enum=formats,
        description=f"Instead of `Accept`; {formats[0]} when neither is sent.",
    )


class Negotiation(DefaultContentNegotiation):
    """DRF's negotiation, with a short cut for clients that accept anything, as nearly all do.

    Where a call has several formats, `?format=` chooses one. Where it has one, `format` is an
    unknown parameter like any other.
    """

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> Any:
        renderers = list(renderers)
        http = request._request
        wanted = http.GET.get("format") if len(renderers) > 1 else None
        if wanted is not None:
            renderers = _of_format(wanted, renderers)
        if not format_suffix and http.META.get("HTTP_ACCEPT", "*/*") == "*/*":
            return renderers[0], renderers[0].media_type
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if wanted is None:
                raise
            return renderers[0], renderers[0].media_type


def _of_format(wanted: str, renderers: list[BaseRenderer]) -> list[BaseRenderer]:
    found = [renderer for renderer in renderers if renderer.format == wanted]
    if not found:
        *others, last = dict.fromkeys(renderer.format for renderer in renderers)
        there_are = f"{', '.join(others)} or {last}" if others else last
        raise ValidationError({"format": [f"There is no such format; send {there_are}."]})
    return found
