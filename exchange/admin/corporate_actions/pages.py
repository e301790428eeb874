"""The pages of corporate actions: list, form, confirmation, and a page for each step.

What is entered is shown with its effects, and saved once they are confirmed.
"""

from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from authentication.models import User
from banking.rules.assets import USD
from be.admin_pages.base import ModelAdmin, ReadOnly, TabularInline
from be.database import transactions
from be.kernel.refusals import Refusal
from exchange.admin import amounts
from exchange.admin.corporate_actions.forms import CONFIRMED, CorporateActionForm
from exchange.admin.corporate_actions.steps import STEPS, Step, history_text
from exchange.corporate import four_eyes, preview, processing, workflow
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction, Entitlement

TEMPLATES = "admin/exchange/corporateaction"


class EntitlementInline(ReadOnly, TabularInline[Entitlement, CorporateAction]):
    model = Entitlement
    changed = (
        amounts.quantity("units", "quantity"),
        amounts.quantity("units_after", "quantity after"),
        amounts.dollars("cents", "paid"),
    )
    fields = ("owner", *changed, "taken_back", "carried_out_at")
    readonly_fields = (*changed, "taken_back")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entitlement]:
        found = super().get_queryset(request)
        return found.select_related("owner", "action__instrument").prefetch_related("clawbacks")

    @admin.display(description="taken back (USD)")
    def taken_back(self, entitlement: Entitlement) -> str:
        taken = list(entitlement.clawbacks.all())
        if not taken:
            return "-"
        back = sum(each.cents for each in taken)
        owed = sum(each.charged_cents for each in taken)
        owing = f", {USD.amount(owed):,f} owed" if owed else ""
        return f"{USD.amount(back):,f}{owing}"


@admin.register(CorporateAction)
class CorporateActionAdmin(ModelAdmin[CorporateAction]):
    """Dividends and splits are entered here; what bonds pay is announced by itself.

    The simulator or `manage.py run_corporate_actions` carries them out when they are due. Until
    then they may be changed or deleted, never after.
    """

    list_display = (
        "instrument",
        "kind",
        "ex_date",
        "payable_date",
        "amount",
        "ratio",
        "state",
        "failure",
        "entered_by",
    )
    list_filter = (
        "kind",
        "awaits_approval",
        *(
            (name, admin.EmptyFieldListFilter)
            for name in ("failed_at", "carried_out_at", "reversed_at")
        ),
    )
    search_fields = ("instrument__symbol",)
    list_select_related = ("instrument", "entered_by")
    form = CorporateActionForm
    inlines = (EntitlementInline,)
    history = (
        "state",
        "failure",
        "waits_for",
        "entered_by",
        "approved_by",
        "approved_at",
        "approved_value",
        "failed_at",
        "carried_out_at",
        "reversal_asked_by",
        "reversed_by",
        "reversed_at",
    )
    change_form_template = f"{TEMPLATES}/change_form.html"

    @admin.display(description="new for old")
    def ratio(self, action: CorporateAction) -> str:
        return f"{action.new_shares}:{action.old_shares}" if action.new_shares else "-"

    @admin.display(description="waits for")
    def waits_for(self, action: CorporateAction) -> str:
        earlier = processing.blocked_by(action)
        return "-" if earlier is None else f"the split of {earlier.ex_date}, which {earlier.state}"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        entered: list[Any] = [(None, {"fields": CorporateActionForm.Meta.fields})]
        return entered if obj is None else [*entered, ("History", {"fields": self.history})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.history

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        """Locked during a change, so that `exchange.corporate.processing` does not carry it out."""
        found = super().get_object(request, object_id, *args)
        if found is not None and request.method == "POST":
            found = self.get_queryset(request).select_for_update(of=("self",)).get(pk=found.pk)
        return found

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_pending(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_pending(obj)

    # Enter: the form, and the page that asks for confirmation -------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """A form that is sent is shown with its effects, and saved once they are confirmed."""
        if request.method == "POST":
            try:
                return transactions.atomic(self._preview_or_save)(request, object_id, form_url)
            except Refusal as refusal:  # something changed since the form was checked
                self.message_user(request, refusal.detail, messages.ERROR)
                return HttpResponseRedirect(request.get_full_path())
        action = self.get_object(request, object_id) if object_id else None
        steps = self._steps(request, action) if isinstance(action, CorporateAction) else []
        if isinstance(action, CorporateAction) and action.kind == ActionKind.SPLIT:
            steps += self._opposite_split(request, action)
        context = {**(extra_context or {}), "steps": steps}
        return super().changeform_view(request, object_id, form_url, context)

    def _preview_or_save(self, request: HttpRequest, object_id: str | None, form_url: str) -> Any:
        action = self.get_object(request, object_id) if object_id else None
        allowed = (
            self.has_change_permission(request, action)
            if object_id
            else self.has_add_permission(request)
        )
        if allowed and (action is not None or object_id is None):
            form_class: Any = self.get_form(request, action, change=action is not None)
            form = form_class(request.POST, instance=action)
            if form.is_valid() and not form.is_confirmed_by(_user(request)):
                return self._confirmation(request, form)
        return super().changeform_view(request, object_id, form_url)

    def _confirmation(self, request: HttpRequest, form: CorporateActionForm) -> HttpResponse:
        action = form.instance
        effects = preview.of(action)
        sent = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in ("csrfmiddlewaretoken", CONFIRMED)
            for value in values
        ]
        context = {
            "preview": effects,
            "approval_required": four_eyes.is_required(action, effects),
            "title": "Is this what it should do?",
            "button": "Yes, save it",
            "hidden": [*sent, (CONFIRMED, form.proof_for(_user(request)))],
        }
        return self._page(request, action, context)

    def _page(
        self, request: HttpRequest, action: CorporateAction, context: dict[str, Any]
    ) -> HttpResponse:
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "action": action,
            "is_split": action.kind == ActionKind.SPLIT,
            "other_approvers": four_eyes.other_approvers(_user(request)),
        }
        return TemplateResponse(request, f"{TEMPLATES}/confirm.html", {**shared, **context})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        effects = workflow.enter(obj, by=_user(request), now=timezone.now())
        if obj.awaits_approval:
            text = (
                f"It moves ${effects.value:,.2f}: it awaits a second look, and is not carried out "
                "before that."
            )
            self.message_user(request, text, messages.WARNING)

    # Steps: approve, retry, reverse ... -----------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        steps = [
            path(
                f"<uuid:object_id>/{step.name}/",
                self.admin_site.admin_view(partial(self.step_view, step=step)),
                name=f"exchange_corporateaction_{step.name}",
            )
            for step in STEPS
        ]
        return [*steps, *super().get_urls()]

    def _steps(self, request: HttpRequest, action: CorporateAction) -> list[tuple[str, str]]:
        """Titles and addresses of the steps that are possible now."""
        return [
            (step.title, reverse(f"admin:exchange_corporateaction_{step.name}", args=[action.pk]))
            for step in STEPS
            if step.is_possible(action) and self._may(request, step)
        ]

    def _opposite_split(
        self, request: HttpRequest, action: CorporateAction
    ) -> list[tuple[str, str]]:
        """A split is undone by its opposite: a link to the form, filled in for today."""
        if action.carried_out_at is None or not self.has_add_permission(request):
            return []
        today = timezone.now().astimezone(calendar.NEW_YORK).date()
        form = {
            "instrument": action.instrument_id,
            "kind": action.kind,
            "ex_date": today,
            "payable_date": today,
            "new_shares": action.old_shares,
            "old_shares": action.new_shares,
        }
        address = reverse("admin:exchange_corporateaction_add")
        return [("Split the other way round", f"{address}?{urlencode(form)}")]

    def _may(self, request: HttpRequest, step: Step) -> bool:
        return _user(request).has_perm(f"exchange.{step.permission}")

    def step_view(self, request: HttpRequest, object_id: UUID, *, step: Step) -> HttpResponse:
        """Show the effects of the step; apply it once they are confirmed."""
        if not self._may(request, step):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=object_id).first()
        if found is None:
            raise Http404
        try:
            if request.method == "POST":
                after = self._apply(request, found, step)
                return HttpResponseRedirect(_page_of(after))
            shown = step.preview(found)
        except Refusal as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(_page_of(found))
        context = {"preview": shown, "step": step.name, "title": step.title, "button": step.title}
        return self._page(request, found, context)

    @transactions.atomic
    def _apply(self, request: HttpRequest, action: CorporateAction, step: Step) -> CorporateAction:
        shown = step.preview(action)
        after = step.apply(action, _user(request), timezone.now())
        text = history_text(step, after, shown)
        self.log_change(request, after, text)
        self.message_user(request, text)
        return after


def _page_of(action: CorporateAction) -> str:
    return reverse("admin:exchange_corporateaction_change", args=[action.pk])


def _is_pending(action: CorporateAction | None) -> bool:
    return action is None or action.carried_out_at is None


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin has made sure
    return request.user
