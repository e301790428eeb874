"""Pagination of a statement, whose lines are found account by account."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.views import APIView

from banking.models import Posting
from banking.statement import Lines
from be.api.pagination import NewestFirst


class StatementPages(NewestFirst):
    """The same pages and cursors as `NewestFirst` would give over all postings."""

    def page_of(self, lines: Lines, request: Request) -> list[Posting]:
        self._lines = lines
        return self.paginate_queryset(Posting.objects.all(), request) or []

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        wanted = self.bounds(queryset, request)
        if wanted.above is not None:
            found = self._lines.oldest(wanted.at_most, above=wanted.above)
        else:
            found = self._lines.newest(wanted.at_most, below=wanted.below)
        return super().paginate_queryset(found, request, view)
