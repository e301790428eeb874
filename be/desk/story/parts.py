"""What a part of the story is made of, and how its values are written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.urls import reverse

M = TypeVar("M", bound=Model)

# A table shows so many rows, and a link to all.
ROWS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, possibly with a link, or marked as "good", "bad" or "warn"."""

    text: str
    link: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A part that lists rows, newest first. `more` is the address of all of them, if there are."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A part that is a list of names and values."""

    title: str
    facts: Sequence[tuple[str, Cell]]


def first(rows: "QuerySet[M]") -> tuple[list[M], bool]:
    """The first ROWS of them, and whether there are more."""
    found = list(rows[: ROWS + 1])
    return found[:ROWS], len(found) > ROWS


def listed(model: type[Model], **filters: object) -> str:
    """The address of the admin's list of a model, filtered."""
    options = model._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return f"{address}?{urlencode(filters)}"


def page(row: Model, text: str) -> Cell:
    """A link to the admin's page of a row."""
    options = row._meta
    return Cell(
        text, reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    )


def time(value: datetime | None) -> Cell:
    """A time in UTC, to the second."""
    return Cell("-" if value is None else f"{value:%Y-%m-%d %H:%M:%S}")


def texts(*values: object) -> list[Cell]:
    """Cells of plain texts; a dash where there is nothing."""
    return [Cell("-" if value in (None, "") else str(value)) for value in values]


def table(
    title: str, columns: str, rows: Iterable[Sequence[Cell]], *, more: str = "", cut: bool = False
) -> Table:
    """A table; `columns` are titles with bars between them. Cut, it links to all rows."""
    return Table(title, columns.split("|"), [*rows], more if cut else "")
