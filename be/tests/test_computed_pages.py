"""Pages of rows that are computed for each request: forwards and backwards, while rows change."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from be.api.pagination import Bounds, ComputedNewestFirst


@dataclass(frozen=True)
class Row:
    id: str


@dataclass(frozen=True)
class Page:
    numbers: list[int]
    next: str | None
    previous: str | None


def rows(numbers: Sequence[int], bounds: Bounds) -> list[Row]:
    """Below a key the newest first, above one the oldest first."""
    keys = [UUID(int=number) for number in sorted(numbers, reverse=bounds.above is None)]
    within = [
        key
        for key in keys
        if (bounds.below is None or key < bounds.below)
        and (bounds.above is None or key > bounds.above)
    ]
    return [Row(str(key)) for key in within[: bounds.at_most]]


def page(numbers: Sequence[int], link: str | None = None, *, size: int = 2, **query: Any) -> Page:
    """The page at a link (or the first one) of a list that has these rows by now."""
    query = {"page_size": size, **query}
    made = (
        APIRequestFactory().get("/", query)
        if link is None
        else APIRequestFactory().get("/?" + urlsplit(link).query)
    )
    pages = ComputedNewestFirst()
    found = pages.paginate_queryset(partial(rows, numbers), Request(made))
    return Page(
        [UUID(row.id).int for row in found], pages.get_next_link(), pages.get_previous_link()
    )


@given(numbers=st.sets(st.integers(1, 99), max_size=12), size=st.integers(1, 5))
def test_forth_and_back_every_row_is_met_once_and_in_order(numbers, size):
    pages = [page(list(numbers), size=size)]
    while pages[-1].next:
        pages.append(page(list(numbers), pages[-1].next))
    assert [number for each in pages for number in each.numbers] == sorted(numbers, reverse=True)

    back = pages[-1:]
    while back[-1].previous:
        back.append(page(list(numbers), back[-1].previous))
    assert [each.numbers for each in reversed(back)] == [each.numbers for each in pages]


def test_what_has_come_since_is_met_once_on_the_way_back():
    second = page([1, 2, 3, 4], page([1, 2, 3, 4]).next)
    assert second.numbers == [2, 1]

    first = page([1, 2, 3, 4, 5], second.previous)
    newest = page([1, 2, 3, 4, 5], first.previous)

    assert (first.numbers, newest.numbers) == ([4, 3], [5])
    assert newest.previous is None
    assert page([1, 2, 3, 4, 5], newest.next).numbers == [4, 3]


def test_a_row_that_is_gone_still_marks_its_place():
    first = page([1, 2, 3, 4])
    assert page([1, 2, 4], first.next).numbers == [2, 1]
    second = page([1, 2, 3, 4], first.next)
    assert page([1, 3, 4], second.previous).numbers == [4, 3]


def test_where_all_newer_rows_are_gone_back_is_the_first_page():
    second = page([1, 2, 3, 4], page([1, 2, 3, 4]).next)

    assert page([1, 2], second.previous) == page([1, 2])


def test_where_all_older_rows_are_gone_there_is_an_empty_page():
    beyond = page([3, 4], page([1, 2, 3, 4]).next)

    assert (beyond.numbers, beyond.next) == ([], None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cursor", "x"),
        ("cursor", "cD14"),  # p=x
        ("cursor", "cD0lMDA="),  # p=%00
        ("cursor", "\x00"),
        ("page_size", "0"),
        ("page_size", "201"),
        ("page_size", "two"),
    ],
)
def test_what_is_no_page_of_the_list_is_refused(field, value):
    with pytest.raises(ValidationError) as refusal:
        page([1, 2], **{field: value})

    assert field in refusal.value.detail


def test_a_cursor_without_a_place_is_the_first_page():
    assert page([1, 2, 3], cursor="cj0x").numbers == [3, 2]  # r=1


def test_what_is_wrong_with_the_server_is_not_put_down_to_the_cursor(monkeypatch):
    def fail(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("be.api.pagination.NewestFirst._read_cursor", fail)

    with pytest.raises(RuntimeError, match="a defect"):
        page([1, 2, 3], cursor="cj0x")
