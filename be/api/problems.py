"""Every error of the API as a problem document (RFC 9457)."""

import logging
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from be.api import request_id
from be.kernel.refusals import Refusal

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

Problem = dict[str, Any]


def problem(
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
) -> Problem:
    """The document itself. `errors` has one `{field, code, detail}` for each input at fault."""
    return {
        "type": f"urn:brokerpro:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id.current(),
        "errors": errors or [],
    }


def from_refusal(refusal: Refusal) -> Problem:
    errors = (
        [{"field": refusal.field, "code": refusal.code, "detail": refusal.detail}]
        if refusal.field
        else []
    )
    return problem(
        status=refusal.status,
        code=refusal.code,
        title=refusal.title,
        detail=refusal.detail,
        errors=errors,
    )


def from_validation(error: exceptions.ValidationError) -> Problem:
    errors = list(_flatten(error.get_full_details(), ""))
    first = errors[0]
    where = f"{first['field']}: " if first["field"] else ""
    return problem(
        status=400,
        code="invalid",
        title="Invalid input",
        detail=f"{where}{first['detail']}",
        errors=errors,
    )


def _flatten(details: Any, path: str) -> Iterator[dict[str, str]]:
    """DRF's nested error details as a flat list, fields joined by dots."""
    if isinstance(details, list):
        for detail in details:
            yield from _flatten(detail, path)
    elif set(details) == {"message", "code"} and isinstance(details["message"], str):
        field = path.removesuffix(".non_field_errors").removeprefix("non_field_errors")
        yield {"field": field, "code": details["code"], "detail": details["message"]}
    else:
        for name, detail in details.items():
            yield from _flatten(detail, f"{path}.{name}" if path else str(name))


def from_api_exception(error: exceptions.APIException) -> Problem:
    if isinstance(error, exceptions.ValidationError):
        return from_validation(error)
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return problem(
        status=error.status_code, code=code, title=title_of(error), detail=str(error.detail)
    )


def title_of(error: exceptions.APIException) -> str:
    """The same for every occurrence: DRF's default detail, or the name of the status where that is
    a template.
    """
    usual = str(error.default_detail).rstrip(".")
    return HTTPStatus(error.status_code).phrase.capitalize() if "{" in usual else usual


def from_exception(error: Exception) -> Problem:
    """The document for any exception; an unexpected one is a 500 that reveals nothing."""
    if isinstance(error, Refusal):
        return from_refusal(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return from_api_exception(error)
    if isinstance(error, RequestDataTooBig):
        return problem(
            status=413, code="too_large", title="Body too large", detail="Send less than 1 MiB."
        )
    if isinstance(error, SuspiciousOperation):
        return problem(
            status=400, code="bad_request", title="Bad request", detail=type(error).__name__
        )
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("database unavailable: %s", error)
        return problem(
            status=503,
            code="unavailable",
            title="Temporarily unavailable",
            detail=(
                "The database did not answer in time. A change may have been made or not: send it "
                "again with its Idempotency-Key, or look."
            ),
        )
    logger.error("unhandled error", exc_info=error)
    return problem(
        status=500,
        code="internal_error",
        title="Internal error",
        detail="Something went wrong on our side. Quote the request_id when you report it.",
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER. A problem is JSON, whatever format the client has asked for."""
    set_rollback()
    if (request := context.get("request")) is not None:
        request.accepted_renderer, request.accepted_media_type = ProblemRenderer(), CONTENT_TYPE
    document = from_exception(error)
    response = Response(document, status=document["status"], content_type=CONTENT_TYPE)
    if auth_header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = auth_header
    if (wait := getattr(error, "wait", None)) is not None:
        response["Retry-After"] = str(int(wait) + 1)
    elif document["status"] == 503:  # noqa: PLR2004
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


class ProblemRenderer(JSONRenderer):
    """A problem document."""

    media_type = CONTENT_TYPE


def _plain(document: Problem) -> HttpResponse:
    return JsonResponse(document, status=document["status"], content_type=CONTENT_TYPE)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 for paths that no view answers: a document under /api/, a page elsewhere."""
    if not request.path.startswith("/api/"):
        return defaults.page_not_found(request, exception or Http404())
    return _plain(
        problem(
            status=404,
            code="not_found",
            title="Not found",
            detail=f"Nothing answers at {request.path[:200]}. Paths end with '/'. See /api/docs/.",
        )
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500 for an error outside of DRF's views; 503 if the database is down."""
    error = sys.exception()
    lost = error if isinstance(error, OperationalError | InterfaceError) else None
    document = from_exception(lost or RuntimeError("outside of a view"))
    response = (
        _plain(document) if request.path.startswith("/api/") else defaults.server_error(request)
    )
    if lost:
        response.status_code = document["status"]
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def overloaded() -> HttpResponse:
    """503 for a request that has not begun."""
    response = _plain(
        problem(
            status=503,
            code="unavailable",
            title="Temporarily unavailable",
            detail="Too many requests wait for an answer. Nothing was changed; try again.",
        )
    )
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def unreadable(request: HttpRequest) -> HttpResponse:
    """400 for a request whose query is no valid text."""
    return _plain(
        problem(
            status=400,
            code="bad_request",
            title="Bad request",
            detail="The query is no UTF-8 text. Percent-encode it.",
        )
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return _plain(
        problem(
            status=400, code="bad_request", title="Bad request", detail=type(exception).__name__
        )
    )
