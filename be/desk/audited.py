"""Every change by staff is in the audit log: what a row was before, and what it is after.

The site gives this to all pages that are registered with it, so none can be forgotten. Django's own
history of an object calls `log_addition`, `log_change` and `log_deletions` for whatever the admin
does, pages and actions of our own among them; here they write to the audit log too.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone

from authentication import audit
from authentication.models import User
from authentication.rules import audit_values
from be.desk import staff

State = dict[str, Any]

# An action on more rows than these has their state after it, and what it did, but none before.
MOST_REMEMBERED = 1000
# By which fields a row says whose it is.
OWNERS = ("user_id", "owner_id")


def audited(kind: type[Any]) -> type[Any]:
    """The class of a model's pages, with what writes their changes to the audit log around it."""
    return type(kind.__name__, (Audited, kind), {"__module__": kind.__module__})


class Audited:
    """Around the pages of a model: remembers rows before a change, and records the change."""

    model: type[Model]

    def get_urls(self) -> list[URLPattern]:
        """The pages; those of one object first remember how it is."""
        pages: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        for page in pages:
            page.callback = self._remembering(page.callback)
        return pages

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """An action on rows that were chosen from a list."""
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)[:MOST_REMEMBERED]
        if request.POST.get("select_across") == "1":
            keys = list(queryset.values_list("pk", flat=True)[:MOST_REMEMBERED])
        for key in keys:
            self._remember(request, key)
        return super().response_action(request, queryset)  # type: ignore[misc]

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """A form of one object, or of a row of an editable list."""
        if change:
            self._remember(request, form.instance.pk)
        return super().save_form(request, form, change)  # type: ignore[misc]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _record(request, "added by staff", obj, before=None, after=_state(obj), message=message)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        before, after = _remembered(request).get(_key(obj)), _state(obj)
        if before is not None and after is not None:
            before, after = audit_values.changed(before, after)
        _record(request, "changed by staff", obj, before=before, after=after, message=message)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        for obj in queryset:
            _record(request, "deleted by staff", obj, before=_state(obj), after=None)
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def _remembering(self, page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(page)
        def remember_first(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            key = kwargs.get("object_id", kwargs.get("id"))
            if request.method == "POST" and key is not None:
                self._remember(request, unquote(key) if isinstance(key, str) else key)
            return page(request, *args, **kwargs)

        return remember_first

    def _remember(self, request: HttpRequest, key: Any) -> None:
        try:
            obj = self.model._base_manager.filter(pk=key).first()
        except (ValueError, ValidationError):
            return  # no key of this model
        if obj is not None and (state := _state(obj)) is not None:
            _remembered(request).setdefault(_key(obj), state)


def _remembered(request: HttpRequest) -> dict[tuple[str, Any], State]:
    found: dict[tuple[str, Any], State] = request.__dict__.setdefault("rows_before", {})
    return found


def _key(obj: Model) -> tuple[str, Any]:
    return obj._meta.label, obj.pk


def _state(obj: Model) -> State | None:
    """The row as it is stored now, with the ids of what it is related to; None without one."""
    row = type(obj)._base_manager.filter(pk=obj.pk).first()
    if row is None:
        return None
    columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    related = {
        field.name: sorted(str(each) for each in getattr(row, field.name).all())
        for field in row._meta.many_to_many
    }
    return {**columns, **related}


def _record(
    request: HttpRequest,
    event: str,
    obj: Any,
    *,
    before: State | None,
    after: State | None,
    message: Any = "",
) -> None:
    audit.record(
        event,
        actor=staff.acting(request),
        subject=_owner(obj),
        at=timezone.now(),
        before=before,
        after=after,
        model=obj._meta.label,
        object=str(obj.pk),
        named=str(obj),
        message=message,
    )


def _owner(obj: Any) -> UUID | None:
    """Whose account it is about; None for what is nobody's own."""
    if isinstance(obj, User):
        return obj.pk
    return next((found for name in OWNERS if (found := getattr(obj, name, None))), None)
