"""Dividends and splits: entered, looked at before they count, approved, and taken back.

What is entered is shown with what it will do to whom, and saved once that has been confirmed. The
rules are in `exchange.corporate`; a step here is one call to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from authentication.models import User
from banking.admin import LookOnly
from banking.rules.assets import USD
from be.database import transactions
from be.kernel.refusals import Refusal
from exchange.admin import amounts
from exchange.corporate import due, entries, preview, reversals, second_look
from exchange.market.rules import calendar
from exchange.models import ActionKind, CorporateAction, Entitlement, Instrument

if TYPE_CHECKING:  # generic for the type checker only
    CorporateActionModelAdmin = admin.ModelAdmin[CorporateAction]
    EntitlementTabularInline = admin.TabularInline[Entitlement, CorporateAction]
    ActionModelForm = forms.ModelForm[CorporateAction]
else:
    CorporateActionModelAdmin = admin.ModelAdmin
    EntitlementTabularInline = admin.TabularInline
    ActionModelForm = forms.ModelForm

CONFIRMED = "_confirmed"
# What was seen longer ago is shown once more.
SEEN_SECONDS = 3600
TEMPLATES = "admin/exchange/corporateaction"


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

    def _post_clean(self) -> None:
        """What has the right shape is compared with the market and the calendar."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            entries.check(self.instance, now=timezone.now())
        except Refusal as refusal:
            self.add_error(refusal.field, refusal.detail)

    def seen_by(self, user: User) -> dict[str, str]:
        """What was looked at, and by whom: confirmed is this and nothing else."""
        given = {name: str(value) for name, value in self.cleaned_data.items()}
        return {**given, "action": str(self.instance.pk), "user": str(user.pk)}


class EntitlementInline(LookOnly, EntitlementTabularInline):
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


@dataclass(frozen=True, slots=True)
class Step:
    """Something that an administrator does to an action that is there already.

    `look` is what is shown before (`None` when it is not the time for it), `do` the domain's call,
    which returns the action that it has made or changed.
    """

    name: str
    title: str
    permission: str
    is_possible: Callable[[CorporateAction], bool]
    look: Callable[[CorporateAction], object]
    do: Callable[[CorporateAction, User, datetime], CorporateAction]


STEPS = (
    Step(
        "approve",
        "Approve",
        "approve_corporateaction",
        lambda action: action.awaits_approval and action.carried_out_at is None,
        preview.of,
        lambda action, by, now: entries.approve(action.pk, by=by, now=now),
    ),
    Step(
        "retry",
        "Try again",
        "change_corporateaction",
        lambda action: action.failed_at is not None and action.carried_out_at is None,
        lambda action: None,
        lambda action, by, now: entries.try_again(action.pk),
    ),
    Step(
        "reverse",
        "Reverse",
        "reverse_corporateaction",
        lambda action: (
            action.kind in reversals.REVERSIBLE
            and action.carried_out_at is not None
            and action.reversed_at is None
        ),
        reversals.of,
        lambda action, by, now: reversals.reverse(action.pk, by=by, now=now),
    ),
    Step(
        "keep",
        "Don't reverse",
        "reverse_corporateaction",
        lambda action: action.reversal_asked_by_id is not None and action.reversed_at is None,
        lambda action: None,
        lambda action, by, now: reversals.keep(action.pk),
    ),
    Step(
        "collect",
        "Collect what is owed",
        "reverse_corporateaction",
        lambda action: action.reversed_at is not None and bool(reversals.of(action).due),
        reversals.of,
        lambda action, by, now: reversals.collect(action.pk, now=now),
    ),
    Step(
        "anew",
        "Announce anew",
        "add_corporateaction",
        entries.is_to_announce_anew,
        preview.of,
        lambda action, by, now: entries.announce_anew(action.pk, by=by, now=now),
    ),
)


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
        earlier = due.waits_for(action)
        return "-" if earlier is None else f"the split of {earlier.ex_date}, which {earlier.state}"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        entered: list[Any] = [(None, {"fields": CorporateActionForm.Meta.fields})]
        return entered if obj is None else [*entered, ("History", {"fields": self.history})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.history

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        """Locked while it is changed, so that it is not carried out meanwhile: see `due`."""
        found = super().get_object(request, object_id, *args)
        if found is not None and request.method == "POST":
            found = self.get_queryset(request).select_for_update(of=("self",)).get(pk=found.pk)
        return found

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_ahead(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_ahead(obj)

    # What is entered ------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """What is sent is shown with what it will do; what was seen and confirmed is saved."""
        if request.method == "POST":
            try:
                return transactions.atomic(self._look_or_save)(request, object_id, form_url)
            except Refusal as refusal:  # it has become one since the form was checked
                self.message_user(request, refusal.detail, messages.ERROR)
                return HttpResponseRedirect(request.get_full_path())
        action = self.get_object(request, object_id) if object_id else None
        steps = self._steps(request, action) if isinstance(action, CorporateAction) else []
        if isinstance(action, CorporateAction) and action.kind == ActionKind.SPLIT:
            steps += self._way_back(request, action)
        context = {**(extra_context or {}), "steps": steps}
        return super().changeform_view(request, object_id, form_url, context)

    def _look_or_save(self, request: HttpRequest, object_id: str | None, form_url: str) -> Any:
        action = self.get_object(request, object_id) if object_id else None
        allowed = (
            self.has_change_permission(request, action)
            if object_id
            else self.has_add_permission(request)
        )
        if allowed and (action is not None or object_id is None):
            form_class: Any = self.get_form(request, action, change=action is not None)
            form = form_class(request.POST, instance=action)
            if form.is_valid() and not _is_confirmed(request, form):
                return self._look(request, form)
        return super().changeform_view(request, object_id, form_url)

    def _look(self, request: HttpRequest, form: CorporateActionForm) -> HttpResponse:
        action = form.instance
        seen = preview.of(action)
        token = signing.dumps(form.seen_by(_user(request)), salt=CONFIRMED)
        sent = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in ("csrfmiddlewaretoken", CONFIRMED)
            for value in values
        ]
        context = {
            "seen": seen,
            "wanted": second_look.wants(action, seen),
            "title": "Is this what it should do?",
            "button": "Yes, save it",
            "hidden": [*sent, (CONFIRMED, token)],
        }
        return self._page(request, action, context)

    def _page(
        self, request: HttpRequest, action: CorporateAction, context: dict[str, Any]
    ) -> HttpResponse:
        others = second_look.others_than(_user(request))
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "action": action,
            "is_split": action.kind == ActionKind.SPLIT,
            "others": others,
        }
        return TemplateResponse(request, f"{TEMPLATES}/confirm.html", {**shared, **context})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        seen = entries.enter(obj, by=_user(request), now=timezone.now())
        if obj.awaits_approval:
            told = (
                f"It moves ${seen.value:,.2f}: it awaits a second look, and is not carried out "
                "before that."
            )
            self.message_user(request, told, messages.WARNING)

    # What is done with it ------------------------------------------------------------------------

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
        """Titles and addresses of what can be done with it now."""
        return [
            (step.title, reverse(f"admin:exchange_corporateaction_{step.name}", args=[action.pk]))
            for step in STEPS
            if step.is_possible(action) and self._may(request, step)
        ]

    def _way_back(self, request: HttpRequest, action: CorporateAction) -> list[tuple[str, str]]:
        """A split is undone by one the other way round: the form, filled in for today."""
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
        """Show what the step will do; do it when that is confirmed."""
        if not self._may(request, step):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=object_id).first()
        if found is None:
            raise Http404
        try:
            if request.method == "POST":
                after = self._do(request, found, step)
                return HttpResponseRedirect(_page_of(after))
            seen = step.look(found)
        except Refusal as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(_page_of(found))
        context = {"seen": seen, "step": step.name, "title": step.title, "button": step.title}
        return self._page(request, found, context)

    @transactions.atomic
    def _do(self, request: HttpRequest, action: CorporateAction, step: Step) -> CorporateAction:
        seen = step.look(action)
        after = step.do(action, _user(request), timezone.now())
        told = f"{step.title}: it {_now(after)}.{_summary(seen)}"
        self.log_change(request, after, told)
        self.message_user(request, told)
        return after


def _page_of(action: CorporateAction) -> str:
    return reverse("admin:exchange_corporateaction_change", args=[action.pk])


def _is_ahead(action: CorporateAction | None) -> bool:
    return action is None or action.carried_out_at is None


def _is_confirmed(request: HttpRequest, form: CorporateActionForm) -> bool:
    """Whether exactly this was shown to this administrator, a short while ago."""
    try:
        seen = signing.loads(request.POST.get(CONFIRMED, ""), salt=CONFIRMED, max_age=SEEN_SECONDS)
    except signing.BadSignature:
        return False
    return bool(seen == form.seen_by(_user(request)))


def _now(action: CorporateAction) -> str:
    told = {"failed": "has failed", "reversal awaits a second look": "awaits a second look"}
    return told.get(action.state, f"is {action.state}")


def _summary(seen: object) -> str:
    """For the history: what whoever did it was shown."""
    if isinstance(seen, preview.Preview):
        return f" Seen: {seen.holders} holders, ${seen.value:,.2f}."
    if isinstance(seen, reversals.Preview):
        return f" Seen: ${seen.due:,.2f} due, ${seen.now:,.2f} of it at once."
    return ""


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin has made sure
    return request.user
