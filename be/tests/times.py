"""Finds the times in an answer, and checks their format."""

import re
from collections.abc import Iterator
from typing import Any

LOOKS_LIKE_A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}|\d{2}:\d{2}:\d{2}")
THE_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")


def times_in(value: Any) -> Iterator[str]:
    """Every string in an answer, a schema or a frame that looks like a time."""
    if isinstance(value, dict):
        for each in value.values():
            yield from times_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from times_in(each)
    elif isinstance(value, str) and LOOKS_LIKE_A_TIME.match(value):
        yield value


def assert_one_form(value: Any) -> list[str]:
    """The times in it, all of them RFC 3339 in UTC, with Z and six decimals."""
    found = list(times_in(value))
    assert [each for each in found if not THE_FORM.fullmatch(each)] == []
    return found
