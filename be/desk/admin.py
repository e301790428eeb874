"""The desk's pages in the admin: the list of customers, the story of each, and what to do then."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from be.admin_pages.steps import StepPages
from be.desk import staff, steps
from be.desk.models import Customer
from be.desk.story import story
from be.desk.story.parts import Facts


@admin.register(Customer)
class CustomerAdmin(StepPages):
    """Customers; the page of one tells their whole story, as far as one may see it."""

    list_display = ("email", "first_name", "last_name", "is_active", "frozen_at", "date_joined")
    search_fields = ("email", "first_name", "last_name", "=id")
    list_filter = ("is_active", "is_staff", ("frozen_at", admin.EmptyFieldListFilter))
    ordering = ("email",)
    steps = steps.STEPS

    def get_urls(self) -> list[URLPattern]:
        story_page = path(
            "<uuid:object_id>/", self.admin_site.admin_view(self.story_view), name="desk_story"
        )
        return [story_page, *super().get_urls()]

    def page_of(self, row: Model) -> str:
        return reverse("admin:desk_story", args=[row.pk])

    def check_step(self, request: HttpRequest, row: Any) -> None:
        steps.require_no_more_rights(staff.acting(request), row)

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
        return HttpResponseRedirect(self.page_of(customer))

    def story_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The story, and the steps that are possible now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        customer = self.get_queryset(request).filter(pk=object_id).first()
        if customer is None:
            raise Http404
        parts = story.tell(customer, to=staff.acting(request), now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": customer,
            "title": customer.email,
            "steps": self.possible_steps(request, customer),
            "facts": [part for part in parts if isinstance(part, Facts)],
            "tables": [part for part in parts if not isinstance(part, Facts)],
        }
        return TemplateResponse(request, "desk/story.html", context)
