"""The base classes of all admin pages: django-unfold's, with types, and read-only ones."""

from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.http import HttpRequest

if TYPE_CHECKING:  # unfold has no types; these are what it extends
    from django.contrib.admin import ModelAdmin, StackedInline, TabularInline
else:
    from unfold import admin as unfold

    class _Typed:
        """Lets a class name its model in brackets, as the type checker wants it."""

        def __class_getitem__(cls, _: object) -> type:
            return cls

    class ModelAdmin(_Typed, unfold.ModelAdmin):
        pass

    class StackedInline(_Typed, unfold.StackedInline):
        pass

    class TabularInline(_Typed, unfold.TabularInline):
        pass


__all__ = ["ModelAdmin", "ReadOnly", "ReadOnlyAdmin", "StackedInline", "TabularInline"]


class ReadOnly:
    """A mixin that lets nobody add, change or delete, superusers included."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin[Any]):
    """A list and pages to look at."""

    show_full_result_count = False
