"""JSON bodies, read exactly and within bounds."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# Longer literals are never money; refusing them keeps `int` and `Decimal` cheap.
MAX_NUMBER_LENGTH = 40


def _exact(literal: str) -> Decimal:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return Decimal(literal)


def _integer(literal: str) -> int:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return int(literal)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is given twice")
    return document


def _not_json(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


class ExactJSONParser(JSONParser):
    """`1.1` is read as Decimal("1.1"); NaN, a name given twice and bottomless nesting are not."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return json.loads(
                stream.read().decode("utf-8"),
                parse_float=_exact,
                parse_int=_integer,
                parse_constant=_not_json,
                object_pairs_hook=_once,
            )
        except RecursionError as error:
            raise ParseError("JSON parse error: nested too deep.") from error
        except ValueError as error:
            raise ParseError(f"JSON parse error: {error}") from error
