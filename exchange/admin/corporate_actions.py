"""Dividends and splits, entered by administrators."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from banking.admin import LookOnly
from be.api.identifiers import uuid7
from exchange.admin import amounts
from exchange.models import ActionKind, CorporateAction, Entitlement, Instrument

if TYPE_CHECKING:  # generic for the type checker only
    CorporateActionModelAdmin = admin.ModelAdmin[CorporateAction]
    EntitlementTabularInline = admin.TabularInline[Entitlement, CorporateAction]
    ActionModelForm = forms.ModelForm[CorporateAction]
else:
    CorporateActionModelAdmin = admin.ModelAdmin
    EntitlementTabularInline = admin.TabularInline
    ActionModelForm = forms.ModelForm


class CorporateActionForm(ActionModelForm):
    """What an administrator may enter: dividends and splits of what is not a bond."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (ActionKind.DIVIDEND, ActionKind.SPLIT)]
    )

    class Meta:
        model = CorporateAction
        fields = (
            "instrument",
            "kind",
            "ex_date",
            "payable_date",
            "amount",
            "new_shares",
            "old_shares",
        )

    def clean_instrument(self) -> Instrument:
        instrument: Instrument = self.cleaned_data["instrument"]
        if instrument.is_bond:
            raise forms.ValidationError("What a bond pays is announced by itself.")
        return instrument

    def clean(self) -> None:
        """A split is one moment: it has no days between those who get it and those who don't."""
        super().clean()
        given = self.cleaned_data
        if given.get("kind") != ActionKind.SPLIT:
            return
        if given.get("payable_date") != given.get("ex_date"):
            self.add_error("payable_date", "A split is carried out on its ex-date.")
        if given.get("new_shares") == given.get("old_shares"):
            self.add_error("new_shares", "That changes nothing.")


class EntitlementInline(LookOnly, EntitlementTabularInline):
    model = Entitlement
    changed = (
        amounts.quantity("units", "quantity"),
        amounts.quantity("units_after", "quantity after"),
        amounts.dollars("cents", "paid"),
    )
    fields = ("owner", *changed, "carried_out_at")
    readonly_fields = changed
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entitlement]:
        return super().get_queryset(request).select_related("owner", "action__instrument")


@admin.register(CorporateAction)
class CorporateActionAdmin(CorporateActionModelAdmin):
    """Dividends and splits are entered here; what bonds pay is announced by itself.

    They are carried out by the simulator, or by `manage.py run_corporate_actions`, when they fall
    due. Until then they may be changed or deleted, never after.
    """

    list_display = (
        "instrument",
        "kind",
        "ex_date",
        "payable_date",
        "amount",
        "new_shares",
        "old_shares",
        "carried_out_at",
    )
    list_filter = ("kind", "carried_out_at")
    search_fields = ("instrument__symbol",)
    list_select_related = ("instrument",)
    form = CorporateActionForm
    inlines = (EntitlementInline,)

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        """Locked while it is changed, so that it is not carried out meanwhile: see `due`."""
        found = super().get_object(request, object_id, *args)
        if found is not None and request.method == "POST":
            found = self.get_queryset(request).select_for_update(of=("self",)).get(pk=found.pk)
        return found

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            now = timezone.now()
            obj.pk, obj.announced_at = uuid7(now), now
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_ahead(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_ahead(obj)


def _is_ahead(action: CorporateAction | None) -> bool:
    return action is None or action.carried_out_at is None
