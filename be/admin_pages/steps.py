"""What staff can do with one row, each by a page that shows its effect and asks for confirmation.

The work is done by functions of the domain; a Refusal of theirs becomes a message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from be.admin_pages.base import ReadOnlyAdmin
from be.kernel.refusals import Refusal

LONGEST_REASON = 300
# The hidden field with the proof that the effect of exactly these values was shown.
CONFIRMED = "_confirmed"
CONFIRM_WITHIN_SECONDS = 3600


class NotNow(Refusal):
    """The step does not apply: it has been done, or there is nothing to do."""

    code = "nothing_to_do"
    status = 409
    title = "There is nothing to do"


class ConfirmationForm(forms.Form):
    """Nothing more than a confirmation."""


class ReasonForm(forms.Form):
    """Why somebody does it; the audit log keeps it."""

    reason = forms.CharField(max_length=LONGEST_REASON, strip=True)


@dataclass(frozen=True, slots=True)
class Step:
    """A button on the page of a row, with a page of its own.

    `is_possible` decides whether the button is there; it gets the row, who asks and the time.
    `effect` says what the step will do. `apply` gets what the form says besides, and returns the
    line for the history; it raises a Refusal when it is not the time for the step.

    Where it depends on the form, `preview` says it for what was filled in, on one more page.
    """

    name: str
    title: str
    permission: str
    is_possible: Callable[[Any, Any, datetime], bool]
    effect: Callable[[Any, Any, datetime], str]
    apply: Callable[[Any, Any, Mapping[str, Any], datetime], str]
    form: type[forms.Form] = ReasonForm
    preview: Callable[[Any, Any, Mapping[str, Any], datetime], str] | None = None


class StepPages(ReadOnlyAdmin):
    """Pages to look at, with the buttons and pages of `steps`."""

    steps: tuple[Step, ...] = ()
    change_form_template = "desk/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(
                f"<uuid:object_id>/{step.name}/",
                self.admin_site.admin_view(partial(self.step_view, step=step)),
                name=self._name_of(step),
            )
            for step in self.steps
        ]
        return [*pages, *super().get_urls()]

    def _name_of(self, step: Step) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{step.name}"

    def page_of(self, row: Model) -> str:
        """The address of the row's page."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[row.pk])

    def possible_steps(self, request: HttpRequest, row: Model) -> list[tuple[str, str]]:
        """Titles and addresses of the steps that one may take now."""
        by, now = request.user, timezone.now()
        return [
            (step.title, reverse(f"admin:{self._name_of(step)}", args=[row.pk]))
            for step in self.steps
            if by.has_perm(step.permission) and step.is_possible(row, by, now)
        ]

    def check_step(self, request: HttpRequest, row: Any) -> None:
        """Raise a Refusal for a row that who asks has to leave alone."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        context = {**(extra_context or {})}
        if row is not None:
            context["steps"] = self.possible_steps(request, row)
        return super().changeform_view(request, object_id, form_url, context)

    def step_view(self, request: HttpRequest, object_id: Any, *, step: Step) -> HttpResponse:
        """What the step will do; it is done once that is confirmed."""
        if not (self.has_view_permission(request) and request.user.has_perm(step.permission)):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=object_id).first()
        if row is None:
            raise Http404
        form = step.form(request.POST if request.method == "POST" else None)
        try:
            self._require_possible(request, row, step)
            if request.method == "POST" and form.is_valid():
                given = form.cleaned_data
                if step.preview is not None and not _is_confirmed(request, row, step, given):
                    effect = step.preview(row, request.user, given, timezone.now())
                    return self._ask(request, row, step, form, effect, confirming=True)
                self._apply(request, row, step, given)
                return HttpResponseRedirect(self.page_of(row))
            effect = step.effect(row, request.user, timezone.now())
        except Refusal as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(self.page_of(row))
        return self._ask(request, row, step, form, effect, confirming=False)

    def _ask(
        self,
        request: HttpRequest,
        row: Model,
        step: Step,
        form: forms.Form,
        effect: str,
        *,
        confirming: bool,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": step.title,
            "effect": effect,
            "form": form,
            "step": step,
            "back": self.page_of(row),
        }
        if confirming:
            proof = signing.dumps(_shown(request, row, step, form.cleaned_data), salt=CONFIRMED)
            sent = [(name, request.POST[name]) for name in form.fields if name in request.POST]
            context["hidden"] = [*sent, (CONFIRMED, proof)]
        return TemplateResponse(request, "desk/step.html", context)

    def _require_possible(self, request: HttpRequest, row: Model, step: Step) -> None:
        self.check_step(request, row)
        if not step.is_possible(row, request.user, timezone.now()):
            raise NotNow("It is not the time for that, or somebody else has done it.")

    def _apply(
        self, request: HttpRequest, row: Model, step: Step, given: Mapping[str, Any]
    ) -> None:
        text = step.apply(row, request.user, given, timezone.now())
        self.log_change(request, row, " ".join([f"{step.title}.", given.get("reason", ""), text]))
        self.message_user(request, text)


def _shown(
    request: HttpRequest, row: Model, step: Step, given: Mapping[str, Any]
) -> dict[str, str]:
    """What was shown to whom, of which step and row."""
    values = {name: str(value) for name, value in given.items()}
    return {**values, "step": step.name, "row": str(row.pk), "user": str(request.user.pk)}


def _is_confirmed(request: HttpRequest, row: Model, step: Step, given: Mapping[str, Any]) -> bool:
    """Whether the request carries the proof that the effect of exactly these values was shown."""
    proof = request.POST.get(CONFIRMED, "")
    try:
        shown = signing.loads(proof, salt=CONFIRMED, max_age=CONFIRM_WITHIN_SECONDS)
    except signing.BadSignature:
        return False
    return bool(shown == _shown(request, row, step, given))
