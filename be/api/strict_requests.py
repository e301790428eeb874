"""Unknown parameters and fields are refused: one that is ignored in silence can cost money.

A body may have the fields of its serializer. A query may have the parameters that the schema lists
for the call, each of them once. Anything else is a 400 that names it and lists what there is.
"""

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

# How many refused names the error shows, and how much of each.
MAX_NAMES_SHOWN = 10
MAX_LETTERS_SHOWN = 60

TEXTS = (serializers.CharField, serializers.UUIDField, serializers.DateField)

_calls: dict[tuple[type, str], "_Call"] = {}
_reading_schema = threading.Lock()


class _Call:
    """What one call reads, according to the schema."""

    __slots__ = ("parameters", "reads_body")

    def __init__(self, view: APIView, method: str, handler: Any) -> None:
        self.parameters: Collection[str] = ()
        self.reads_body = method in ("POST", "PUT", "PATCH")
        if kind := getattr(handler, "kwargs", {}).get("schema"):
            schema = kind()
            schema.view, schema.method = view, method
            self.parameters = schema.query_names()
            self.reads_body = schema.reads_body()


class StrictView(APIView):
    """A view that refuses unknown parameters, and a body where it reads none.

    Its answers are kept by no cache, unless it says how (be/api/conditional_get.py).
    """

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = request.method or "GET"
        name = getattr(self, "action", None) or method.lower()
        call = _calls.get((type(self), name))
        if call is None:
            handler = getattr(self, name, None)
            if handler is None or method == "OPTIONS":
                return  # there is no such call: the answer is a 405
            # One thread at a time: drf-spectacular imports at first use what its extensions extend,
            # and fails for another thread that comes meanwhile.
            with _reading_schema:
                call = _calls.get((type(self), name)) or _Call(self, method, handler)
                _calls[type(self), name] = call
        if request.query_params:
            _check_parameters(request, call.parameters)
        if not call.reads_body:
            _refuse_body(request, call.parameters)


def _check_parameters(request: Request, known: Collection[str]) -> None:
    """Refuse unknown parameters, and a parameter that is given twice."""
    given = request.query_params
    _refuse_unknown(given, known, "parameter")
    if twice := [name for name, values in given.lists() if len(values) > 1]:
        _refuse(twice, "Given more than once; send it once.", "repeated_parameter")


def _refuse_body(request: Request, parameters: Collection[str]) -> None:
    """Refuse a body of a call that reads none, unless the body is empty."""
    if request.META.get("CONTENT_LENGTH") in (None, "", "0") or not request.data:
        return
    where = f" Send {', '.join(sorted(parameters))} in the query." if parameters else ""
    names = request.data if isinstance(request.data, Mapping) else ["non_field_errors"]
    _refuse(names, f"This call reads no body.{where}", "unknown_field")


class Body(serializers.Serializer[Any]):
    """A JSON object in a request; unknown fields are refused, and numbers in the place of texts."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refuse_unknown_fields(data, self.fields)
            refuse_numbers_for_texts(data, self.fields)
        return super().to_internal_value(data)


def refuse_unknown_fields(data: Mapping[str, Any], fields: Collection[str]) -> None:
    """Raise ValidationError if an object has a field that is not among these."""
    _refuse_unknown(data, fields, "field")


def refuse_numbers_for_texts(data: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Raise ValidationError if a field that is a text, or a list of texts, is sent something else.

    DRF would write a number as text, and take it for an id: 0 for the name of a bank.
    """
    if wrong := [name for name, sent in data.items() if not _has_its_type(fields.get(name), sent)]:
        _refuse(wrong, "Send a text, in quotation marks.", "invalid")


def _has_its_type(field: Any, sent: Any) -> bool:
    if sent is None or isinstance(sent, str):
        return True  # the field itself says whether it may be null
    if isinstance(field, serializers.ListField):
        return not isinstance(sent, list) or all(_has_its_type(field.child, each) for each in sent)
    return not isinstance(field, TEXTS)


def _refuse_unknown(given: Iterable[str], known: Collection[str], kind: str) -> None:
    if unknown := [name for name in given if name not in known]:
        there_is = f"there are {', '.join(sorted(known))}" if known else "there is none here"
        _refuse(unknown, f"There is no such {kind}; {there_is}.", f"unknown_{kind}")


def _refuse(names: Iterable[str], detail: str, code: str) -> NoReturn:
    raise ValidationError(
        {
            name[:MAX_LETTERS_SHOWN]: [ErrorDetail(detail, code=code)]
            for name in [*names][:MAX_NAMES_SHOWN]
        }
    )
