"""Cursor pagination: `{next, previous, results}`, newest first, stable while rows are added."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Field, IntegerField, QuerySet, UUIDField
from rest_framework.exceptions import ValidationError as InvalidInput
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from be.kernel import identifiers
from be.kernel.numbers import whole_number


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows to read, `at_most` so many: the newest, those below a key, or those above one.

    In a list that is not newest first, those below a key come after it. With `is_reverse` rows are
    read from the end of the list, or from a key, backwards.
    """

    at_most: int
    below: Any = None
    above: Any = None
    is_reverse: bool = False


class HasKey(Protocol):
    """A row of a list."""

    @property
    def pk(self) -> Any:
        """What the list is ordered by."""


R = TypeVar("R", bound=HasKey)


class NewestFirst(CursorPagination):
    """Pages by primary key, descending.

    Keys are time-ordered (UUID version 7 or a sequence), so this is newest first, each page costs
    the same at any depth, and no row is shown twice or left out.
    """

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    _key: Any

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        name = self.ordering.removeprefix("-")
        model = queryset.model._meta
        # A cursor is decoded with the field that pages are ordered by.
        self._key = model.pk if name == "pk" else model.get_field(name)
        return super().paginate_queryset(queryset, request, view)

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("page_size")
        if given is None:
            return self.page_size
        size = whole_number(given, least=1, most=self.max_page_size)
        if size is None:
            raise InvalidInput(
                {"page_size": [f"Send a whole number from 1 to {self.max_page_size}."]}
            )
        return size

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The cursor of the request, parsed strictly; a malformed one is a 400."""
        given = request.query_params.get("cursor")
        if given is None:
            return None
        try:
            return self._read_cursor(given)
        except (ValidationError, ValueError) as error:
            raise InvalidInput({"cursor": ["Not a cursor of this list."]}) from error

    def _read_cursor(self, given: str) -> Cursor:
        text = b64decode(given.encode("ascii"), validate=True).decode("ascii")
        parameters = parse_qs(text, keep_blank_values=True, strict_parsing=bool(text))
        [offset], [reverse], [position] = (
            parameters.pop(name, [default])
            for name, default in (("o", "0"), ("r", "0"), ("p", None))
        )
        skipped = whole_number(str(offset), most=self.offset_cutoff or 0)
        if parameters or skipped is None or reverse not in ("0", "1"):
            raise ValueError("made up")
        if position is not None:
            self._check_key(position)
        place: Any = position  # text, which the stubs take for a number
        return Cursor(offset=skipped, reverse=reverse == "1", position=place)

    def _check_key(self, position: str) -> None:
        """Raise ValueError or ValidationError if `position` can't be a key of this list."""
        if isinstance(self._key, IntegerField):
            is_key = whole_number(position) is not None
        elif isinstance(self._key, UUIDField):
            is_key = identifiers.parse_or_none(position) is not None
        else:
            is_key = "\x00" not in position and bool(self._key.to_python(position))
        if not is_key:
            raise ValueError("no key")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Of another page: it stands in the addresses `next` and `previous`.",
                "schema": {"type": "string"},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": "How many rows a page has at most.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                },
            },
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        def address(of: str, example: str | None) -> dict[str, Any]:
            return {
                "type": ["string", "null"],
                "format": "uri",
                "description": f"The address of the {of} page; null if there is none.",
                "example": example,
            }

        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": address("next", "https://broker.example/api/…/?cursor=cD0wMTk1"),
                "previous": address("previous", None),
                "results": schema,
            },
        }


class FixedPages(NewestFirst):
    """The pages and cursors of `NewestFirst`, of rows that are read by fixed SQL.

    `key` is the field that they are ordered by, with another value in each row.
    """

    def __init__(self, key: "Field[Any, Any]") -> None:
        self._key = key
        self._place = attrgetter("pk" if key.primary_key else key.attname)
        # Below all primary keys; a list in another order is read from its end without a key.
        self._lowest = key.to_python("0" * 32) if key.primary_key else None

    def read(self, request: Request, rows: Callable[[Bounds], Sequence[R]]) -> list[R]:
        """The page that the request asks for, newest first.

        `rows` reads what `Bounds` says: below a key the newest first, above one the oldest first.
        """
        self.request, self.base_url = request, request.build_absolute_uri()
        size, cursor = self.get_page_size(request), self.decode_cursor(request)
        skipped, is_reverse, place = cursor or (0, False, None)
        at_most = skipped + size + 1  # one more shows whether a page follows
        key = None if place is None else self._key.to_python(place)
        if is_reverse:
            start = self._lowest if key is None else key
            found = rows(Bounds(at_most, above=start, is_reverse=True))
        else:
            found = rows(Bounds(at_most, below=key))
        page = list(found[skipped : skipped + size])
        follows, precedes = len(found) > skipped + size, place is not None or skipped > 0
        self._earlier, self._later = (precedes, follows) if is_reverse else (follows, precedes)
        if is_reverse:
            page.reverse()
        # An empty page still lies beside the place that was asked for.
        self._first: Any = self._place(page[0]) if page else place
        self._last: Any = self._place(page[-1]) if page else place
        return page

    def document(self, results: list[Any]) -> dict[str, Any]:
        """The page as it is answered, with the addresses of its neighbours."""
        following, previous = self.get_next_link(), self.get_previous_link()
        return {"next": following, "previous": previous, "results": results}

    def get_next_link(self) -> str | None:
        return self._link(self._last, reverse=False) if self._earlier else None

    def get_previous_link(self) -> str | None:
        return self._link(self._first, reverse=True) if self._later else None

    def _link(self, key: Any, *, reverse: bool) -> str:
        position: Any = None if key is None else str(key)
        return str(self.encode_cursor(Cursor(offset=0, reverse=reverse, position=position)))


class ComputedNewestFirst(NewestFirst):
    """Pages of computed rows, which have the key as `id` and come newest first.

    A cursor stays valid when its row is gone. Instead of a queryset there is a function that reads
    what `Bounds` says: below a key the newest first, above one the oldest first.
    """

    _key = UUIDField()

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        rows: Callable[[Bounds], Sequence[Any]] = queryset
        self.request, self.base_url = request, request.build_absolute_uri()
        size, cursor = self.get_page_size(request), self.decode_cursor(request)
        if cursor is None or cursor.position is None:
            return self._page(rows(Bounds(size + 1)), size, later=False)
        place = UUID(str(cursor.position))
        if not cursor.reverse:
            found = rows(Bounds(size + 1, below=place))
            return self._page(found, size, later=bool(rows(Bounds(1, above=_before(place)))))
        newer = rows(Bounds(size + 1, above=place))
        if not newer:  # this is the first page, and no empty one
            return self._page(rows(Bounds(size + 1)), size, later=False)
        earlier = bool(rows(Bounds(1, below=_after(place))))
        page = self._page(newer[size - 1 :: -1], size, later=len(newer) > size)
        self._earlier = earlier
        return page

    def _page(self, found: Sequence[Any], size: int, *, later: bool) -> list[Any]:
        self.page = list(found[:size])
        self._later, self._earlier = later, len(found) > size
        return self.page

    def get_next_link(self) -> str | None:
        return self._link(self.page[-1], reverse=False) if self._earlier and self.page else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page[0], reverse=True) if self._later and self.page else None

    def _link(self, row: Any, *, reverse: bool) -> str:
        return str(self.encode_cursor(Cursor(offset=0, reverse=reverse, position=row.id)))


def _before(key: UUID) -> UUID | None:
    """What is above it is this key and later ones; None, which is below all keys."""
    return UUID(int=key.int - 1) if key.int else None


def _after(key: UUID) -> UUID | None:
    """What is below it is this key and earlier ones; None, which is above all keys."""
    return UUID(int=key.int + 1) if key.int + 1 < 2**128 else None
