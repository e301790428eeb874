"""Idempotency-Key: one effect per key and user, however often a POST is sent.

A key is claimed in a transaction of its own, so that a second request with it sees the claim at
once. The work and its answer are then committed together. A request whose work was not done (a
malformed body, a crash, an overload) leaves the key free.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from be.api import problems
from be.api.models import IdempotentRequest
from be.database import transactions
from be.kernel.refusals import Invalid, Refusal

P = ParamSpec("P")
Handler = Callable[Concatenate[Any, Request, P], HttpResponse]

ACCEPTED = re.compile(r"[\x21-\x7e]{1,255}")
# An older claim without an answer is of a server that died; its work was rolled back.
ABANDONED_AFTER = timedelta(seconds=30)
# Refusals by a rule of the domain: the same request gets the same answer again. Other errors (400,
# 401, 429, 5xx) come from outside of the domain, and the request may be sent again.
REPLAYED_REFUSALS = frozenset({404, 409, 422})


class KeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 422
    title = "The key was used for another request"


class KeyInFlight(Refusal):
    code = "idempotency_key_in_flight"
    status = 409
    title = "The first request with this key is still being handled"
    wait = 1.0  # seconds, sent as Retry-After


def idempotent(handler: Handler[P]) -> Callable[..., HttpResponse]:
    """Decorator for view methods that create something."""

    @wraps(handler)
    def handle(view: Any, request: Request, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        claim = _claim(request, key, timezone.now())
        if claim.answer is not None:
            return _replay(claim)
        return _run_once(claim, lambda: handler(view, request, *args, **kwargs))

    return handle


def _claim(request: Request, key: str, now: datetime) -> IdempotentRequest:
    """Claim the key for this request, or find its claim. Refuses a key of another request."""
    if not ACCEPTED.fullmatch(key):
        raise Invalid("Send 1 to 255 printable ASCII characters.", field="Idempotency-Key")
    fingerprint = _fingerprint(request)
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(
                owner_id=_user_id(request), key=key, fingerprint=fingerprint, claimed_at=now
            )
    except IntegrityError:
        claim = IdempotentRequest.objects.filter(owner_id=_user_id(request), key=key).first()
    if claim is None:
        raise KeyInFlight("The first request with this key is ending; send it again.")
    if claim.fingerprint != fingerprint:
        raise KeyReused("This Idempotency-Key came with another body; use a new key.")
    if claim.answer is None and not _take_over(claim, now):
        raise KeyInFlight("The first request with this key has not ended; try again shortly.")
    return claim


def _user_id(request: Request) -> UUID:
    if request.user.pk is None:
        raise NotAuthenticated
    return request.user.pk


def _take_over(claim: IdempotentRequest, now: datetime) -> bool:
    """Take an abandoned claim; exactly one of several contenders succeeds."""
    taken = IdempotentRequest.objects.filter(
        pk=claim.pk,
        answer=None,
        claimed_at=claim.claimed_at,
        claimed_at__lt=now - ABANDONED_AFTER,
    ).update(claimed_at=now)
    claim.claimed_at = now
    return taken == 1


def _fingerprint(request: Request) -> str:
    http = request._request
    digest = hashlib.sha256(f"{http.method} {http.get_full_path()}\n".encode())
    digest.update(http.body)
    return digest.hexdigest()


def _run_once(claim: IdempotentRequest, work: Callable[[], HttpResponse]) -> HttpResponse:
    @transactions.atomic
    def work_and_answer() -> HttpResponse:
        response = work()
        if not _answer(claim, response.status_code, "application/json", _text(response)):
            raise KeyInFlight("Another sender took this key over; ask again for its answer.")
        return response

    try:
        return work_and_answer()
    except Refusal as refusal:
        if refusal.status not in REPLAYED_REFUSALS or isinstance(refusal, KeyInFlight):
            _release(claim)
            raise
        document = problems.from_refusal(refusal)
        _answer(claim, refusal.status, problems.CONTENT_TYPE, _written(document))
        raise
    except BaseException:
        _release(claim)
        raise


def _text(response: HttpResponse) -> str:
    """The document of an answer, which DRF renders only after the view."""
    return _written(response.data) if isinstance(response, Response) else response.content.decode()


def _written(document: object) -> str:
    text: bytes = JSONRenderer().render(document)
    return text.decode()


def _answer(claim: IdempotentRequest, status: int, content_type: str, answer: str) -> bool:
    """Store the answer, if the claim is still this request's."""
    return bool(_own_claim(claim).update(status=status, content_type=content_type, answer=answer))


def _release(claim: IdempotentRequest) -> None:
    _own_claim(claim).delete()


def _own_claim(claim: IdempotentRequest) -> QuerySet[IdempotentRequest]:
    return IdempotentRequest.objects.filter(pk=claim.pk, claimed_at=claim.claimed_at, answer=None)


def _replay(claim: IdempotentRequest) -> HttpResponse:
    response = HttpResponse(
        claim.answer or "", status=claim.status or 200, content_type=claim.content_type
    )
    response["Idempotency-Replayed"] = "true"
    return response
