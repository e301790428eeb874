"""JSON bodies, parsed exactly and within limits."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# Longer literals are refused: amounts are shorter, and `int` and `Decimal` take long for them.
MAX_NUMBER_LENGTH = 40


def _decimal(literal: str) -> Decimal:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return Decimal(literal)


def _integer(literal: str) -> int:
    if len(literal) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return int(literal)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name is given twice")
    return document


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


class ExactJSONParser(JSONParser):
    """Reads `1.1` as Decimal("1.1"). Refuses NaN, names given twice and nesting without end."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return json.loads(
                stream.read().decode("utf-8"),
                parse_float=_decimal,
                parse_int=_integer,
                parse_constant=_refuse_constant,
                object_pairs_hook=_unique_names,
            )
        except RecursionError as error:
            raise ParseError("JSON parse error: nested too deep.") from error
        except ValueError as error:
            raise ParseError(f"JSON parse error: {error}") from error
