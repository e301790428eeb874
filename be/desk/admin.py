"""The desk's pages in the admin: the list of customers, the story of each, and what to do then."""

from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from authentication.models import User
from be.admin_pages.base import ReadOnlyAdmin
from be.desk import staff, steps
from be.desk.models import Customer
from be.desk.steps import STEPS, Step
from be.desk.story import story
from be.desk.story.parts import Facts
from be.kernel.refusals import Refusal


class ReasonForm(forms.Form):
    """Why somebody does something to a customer; the audit log keeps it."""

    reason = forms.CharField(max_length=300, strip=True)


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """Customers; the page of one tells their whole story, as far as one may see it."""

    list_display = ("email", "first_name", "last_name", "is_active", "date_joined")
    search_fields = ("email", "first_name", "last_name", "=id")
    list_filter = ("is_active", "is_staff")
    ordering = ("email",)

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(
                f"<uuid:object_id>/{step.name}/",
                self.admin_site.admin_view(partial(self.step_view, step=step)),
                name=f"desk_customer_{step.name}",
            )
            for step in STEPS
        ]
        story_page = path(
            "<uuid:object_id>/", self.admin_site.admin_view(self.story_view), name="desk_story"
        )
        return [*pages, story_page, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The address to which lists and others lead: it leads on to the story."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        customer = self.get_object(request, object_id)
        if customer is None:
            raise Http404
        return HttpResponseRedirect(_page_of(customer))

    def story_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The story, and the steps that are possible now."""
        customer, actor, now = (
            self._customer(request, object_id),
            staff.acting(request),
            timezone.now(),
        )
        parts = story.tell(customer, to=actor, now=now)
        possible = [
            (step.title, _page_of(customer, step))
            for step in STEPS
            if actor.has_perm(step.permission) and step.is_possible(customer, now)
        ]
        context = {
            "steps": possible,
            "facts": [part for part in parts if isinstance(part, Facts)],
            "tables": [part for part in parts if not isinstance(part, Facts)],
        }
        return self._show(request, "desk/story.html", customer, customer.email, context)

    def step_view(self, request: HttpRequest, object_id: UUID, *, step: Step) -> HttpResponse:
        """What the step will do; it is done once that is confirmed with a reason."""
        customer = self._customer(request, object_id)
        if not request.user.has_perm(step.permission):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        try:
            steps.require_no_more_rights(staff.acting(request), customer)
            self._require_possible(customer, step)
            if request.method == "POST" and form.is_valid():
                self._apply(request, customer, step, form.cleaned_data["reason"])
                return HttpResponseRedirect(_page_of(customer))
            effect = step.effect(customer, timezone.now())
        except Refusal as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return HttpResponseRedirect(_page_of(customer))
        context = {"effect": effect, "form": form, "step": step, "back": _page_of(customer)}
        return self._show(request, "desk/step.html", customer, step.title, context)

    def _require_possible(self, customer: Customer, step: Step) -> None:
        if not step.is_possible(customer, timezone.now()):
            raise steps.NotNow("It is not the time for that, or somebody else has done it.")

    def _apply(self, request: HttpRequest, customer: Customer, step: Step, reason: str) -> None:
        text = step.apply(customer, staff.acting(request), reason, timezone.now())
        self.log_change(request, customer, f"{step.title}: {reason} {text}")
        self.message_user(request, text)

    def _customer(self, request: HttpRequest, pk: UUID) -> Customer:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: Customer | None = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def _show(
        self,
        request: HttpRequest,
        template: str,
        customer: Customer,
        title: str,
        context: dict[str, Any],
    ) -> HttpResponse:
        shared = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": customer,
            "title": title,
            "customer": customer,
        }
        return TemplateResponse(request, template, {**shared, **context})


def _page_of(customer: User, step: Step | None = None) -> str:
    name = "desk_story" if step is None else f"desk_customer_{step.name}"
    return reverse(f"admin:{name}", args=[customer.pk])
