"""Model instances from and for the rows of fixed SQL, without the cost of the ORM."""

import json
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from functools import cache, cached_property, lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.base import ModelState

from be.database.statements import Row, is_postgresql

M = TypeVar("M", bound=models.Model)


class Columns:
    """Converts the values of some columns of a model, where no instances are needed."""

    def __init__(self, model: type[models.Model], names: Sequence[str]) -> None:
        fields = {field.column: field for field in model._meta.concrete_fields}
        self._fields = [fields[name] for name in names]

    def load(self, row: Row) -> Row:
        """The values of a row, as the ORM would have loaded them."""
        if is_postgresql():
            return row
        return tuple(
            value if convert is None or value is None else convert(value)
            for value, convert in zip(row, self._conversions, strict=True)
        )

    @cached_property
    def _conversions(self) -> list[Callable[[Any], Any] | None]:
        return [_converter(field) for field in self._fields]


class Reader(Generic[M]):
    """Makes model instances of the rows of fixed SQL."""

    def __init__(self, model: type[M], *, without: Collection[str] = ()) -> None:
        """`without` names fields to defer: the ORM reads them at their first use."""
        if not {field.name for field in model._meta.concrete_fields}.issuperset(without):
            raise TypeError(f"{model.__name__} has not all of {without}")
        self._model = model
        self._fields = [field for field in model._meta.concrete_fields if field.name not in without]
        self._names = [field.attname for field in self._fields]
        self.width = len(self._fields)

    def columns(self, alias: str) -> str:
        """The select list for the columns that `make` reads."""
        return ", ".join(f"{alias}.{field.column}" for field in self._fields)

    def make(self, row: Sequence[Any]) -> M:
        """An instance, as the ORM would have loaded it, without the work of `Model.__init__`."""
        made = self._model.__new__(self._model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
        values = made.__dict__
        values.update(zip(self._names, row, strict=True))
        if not is_postgresql():
            for name, convert in self._conversions:
                if (value := values[name]) is not None:
                    values[name] = convert(value)
        return made

    @cached_property
    def _conversions(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """The attributes that SQLite stores in another type, and how to convert them."""
        found = [(field.attname, _converter(field)) for field in self._fields]
        return [(name, convert) for name, convert in found if convert is not None]


def set_related(instance: models.Model, name: str, related: models.Model) -> None:
    """Cache the related instance, whose key the instance already has from its row."""
    instance._state.fields_cache[name] = related


def set_absent(instance: models.Model, name: str) -> None:
    """Remember that there is no related instance, so that the ORM does not look for one."""
    instance._state.fields_cache[name] = None


class Factory(Generic[M]):
    """Makes unsaved model instances, without the work of `Model.__init__`."""

    def __init__(self, model: type[M]) -> None:
        fields = model._meta.concrete_fields
        self._model = model
        self._defaults = {field.attname: field.get_default() for field in fields}
        self._relations = [field.name for field in fields if field.is_relation]
        self._known = {*self._defaults, *self._relations}

    def new(self, **values: Any) -> M:
        """An instance with these values, and with the fields' defaults for the others."""
        if not self._known.issuperset(values):
            raise TypeError(f"{self._model.__name__} has no {values.keys() - self._known}")
        made = self._model.__new__(self._model)
        made._state = ModelState()
        made.__dict__.update(self._defaults)
        for name in self._relations:
            if name in values:
                related = values.pop(name)
                made.__dict__[f"{name}_id"] = related.pk
                made._state.fields_cache[name] = related
        made.__dict__.update(values)
        return made


# SQLite stores decimals as binary floats, of which fifteen digits are exact.
_FIFTEEN_DIGITS = Context(prec=15)


def _converter(field: Any) -> Callable[[Any], Any] | None:
    target = getattr(field, "target_field", field)
    if isinstance(target, models.DecimalField):
        return _decimals(target.decimal_places)
    for kind, convert in _FROM_SQLITE:
        if isinstance(target, kind):
            return convert
    return None


@cache
def _decimals(places: int) -> Callable[[float], Decimal]:
    """Converts floats to decimals with `places` decimals; cached, since prices repeat."""
    exponent = Decimal(1).scaleb(-places)

    @lru_cache(maxsize=4096)
    def convert(value: float) -> Decimal:
        return _FIFTEEN_DIGITS.create_decimal_from_float(value).quantize(exponent)

    return convert


def as_uuid(value: UUID | str) -> UUID:
    """An id that fixed SQL has read: SQLite gives its text."""
    return value if isinstance(value, UUID) else UUID(value)


def as_json(value: Any) -> Any:
    """What is stored as JSON, as fixed SQL has read it: SQLite gives its text."""
    return json.loads(value) if isinstance(value, str) else value


# Cached: owners and instruments repeat from row to row.
_uuid = lru_cache(maxsize=4096)(UUID)


def _datetime(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


_FROM_SQLITE: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (models.UUIDField, _uuid),
    (models.DateTimeField, _datetime),
    (models.DateField, date.fromisoformat),
    (models.BooleanField, bool),
    (models.JSONField, json.loads),
)
